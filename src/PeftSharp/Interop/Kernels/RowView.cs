using static TorchSharp.torch;

namespace PeftSharp.Interop.Kernels;

/// <summary>A float32 tensor of the CPU as rows, the numbers of each beside each other; copied where it is not laid out so.</summary>
internal sealed unsafe class RowView : IDisposable
{
    private readonly Tensor _tensor;
    private readonly Tensor? _copy;

    /// <param name="tensor">[…, width]; it must outlive the view.</param>
    public RowView(Tensor tensor)
    {
        var shape = tensor.shape;
        Width = (int)shape[^1];
        Count = Width == 0 ? 0 : tensor.numel() / Width;
        if (StrideOf(shape, tensor.stride()) is not { } stride) (tensor, stride) = (_copy = tensor.contiguous(), Width);
        (_tensor, Stride) = (tensor, stride);
        First = Count == 0 ? null : (float*)TensorPointer.OfFirst(tensor);
    }

    /// <summary>Numbers of a row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public long Count { get; }

    /// <summary>Numbers from one row to the next.</summary>
    public long Stride { get; }

    /// <summary>The first row.</summary>
    public float* First { get; }

    /// <summary>A row.</summary>
    public float* this[long row] => First + row * Stride;

    /// <inheritdoc/>
    public void Dispose()
    {
        _copy?.Dispose();
        GC.KeepAlive(_tensor);
    }

    // From one row to the next; null where rows are not as far from each other all over. Dimensions of one entry have strides of any kind.
    private static long? StrideOf(long[] shape, long[] strides)
    {
        if (shape[^1] > 1 && strides[^1] != 1) return null;
        var (stride, next) = ((long?)null, 0L);
        for (var i = shape.Length - 2; i >= 0; i--)
        {
            if (shape[i] == 1) continue;
            if (stride is null) (stride, next) = (strides[i], strides[i]);
            else if (strides[i] != next) return null;
            next *= shape[i];
        }
        return stride ?? shape[^1];
    }
}
