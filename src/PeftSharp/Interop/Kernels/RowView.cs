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
        var (shape, strides) = (tensor.shape, tensor.stride());
        Width = (int)shape[^1];
        Count = Width == 0 ? 0 : tensor.numel() / Width;
        if (!IsRows(shape, strides))
        {
            _copy = tensor.contiguous();
            (tensor, strides) = (_copy, _copy.stride());
        }
        _tensor = tensor;
        Stride = shape.Length > 1 ? strides[^2] : Width;
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

    private static bool IsRows(long[] shape, long[] strides)
    {
        if (shape[^1] > 1 && strides[^1] != 1) return false;
        for (var i = shape.Length - 3; i >= 0; i--)
            if (shape[i] > 1 && strides[i] != strides[i + 1] * shape[i + 1]) return false;
        return true;
    }
}
