using PeftSharp.Files;
using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// A frozen weight in eight bits with one scale a row: w = code · scale / 127, scale the row's largest magnitude (Dettmers et al. 2022,
/// arXiv 2208.07339). Products dequantise it, as those of <see cref="FourBitStore"/> do.
/// </summary>
/// <remarks>
/// LLM.int8 also rounds what a layer reads to eight bits, and computes columns of large inputs apart to repair that. Here inputs are not
/// rounded, so there is nothing to repair: the product is that of the dequantised weight.
/// </remarks>
internal sealed class Int8Store : PackedStore
{
    private readonly Tensor _codes; // int8, [out, in]
    private readonly Tensor _scales; // float32, [out]

    // Takes the tensors over.
    internal Int8Store(Tensor codes, Tensor scales)
    {
        (_codes, _scales) = (codes, scales);
        (OutFeatures, InFeatures) = (codes.shape[0], codes.shape[1]);
    }

    /// <inheritdoc/>
    public override long OutFeatures { get; }

    /// <inheritdoc/>
    public override long InFeatures { get; }

    /// <inheritdoc/>
    public override string Kind => "int8";

    /// <inheritdoc/>
    public override bool IsQuantized => true;

    /// <inheritdoc/>
    public override long Bytes => Count + OutFeatures * sizeof(float);

    /// <summary>Quantises a dense weight, [out, in], which stays the caller's.</summary>
    /// <param name="dense">The weight, of any floating-point type.</param>
    /// <remarks>bitsandbytes rounds weights to float16 first; codes of float32 weights may differ from its own by one.</remarks>
    /// <exception cref="PeftException">The shape is wrong, or a weight is not finite.</exception>
    public static Int8Store Quantize(Tensor dense)
    {
        LibTorch.EnsureLoaded();
        if (dense.dim() != 2 || dense.NumberOfElements == 0)
            throw new PeftException(
                $"A weight of shape [{string.Join(", ", dense.shape)}] was given to be quantised to int8; the weight of a linear map, "
                + "[out, in], is expected.");
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var codes = empty(dense.shape, ScalarType.Int8);
        var scales = empty([dense.shape[0]], ScalarType.Float32);
        foreach (var (first, count) in Scratch.Pieces(dense, dense.shape[1]))
        {
            using var piece = NewDisposeScope();
            Int8Codec.Encode(Scratch.Floats(dense.narrow(0, first, count)), codes.narrow(0, first, count), scales.narrow(0, first, count));
        }

        if (!scales.isfinite().all().item<bool>())
            throw new PeftException(
                "A weight that is NaN or infinite was given to be quantised to int8; check the checkpoint that it comes from.");
        return new Int8Store(codes.DetachFromDisposeScope(), scales.DetachFromDisposeScope());
    }

    /// <summary>Reads a weight that bitsandbytes quantised: <paramref name="weightName"/>, and beside it its scales, <c>SCB</c>.</summary>
    /// <exception cref="PeftException">A tensor is missing or of the wrong size, or rows are not as transformers writes them.</exception>
    public static Int8Store FromBitsAndBytes(Checkpoint checkpoint, string weightName) => BitsAndBytes8.Read(checkpoint, weightName);

    /// <summary>The tensors under which bitsandbytes stores the weight.</summary>
    /// <returns>New tensors in the caller's dispose scope; they share memory with the store.</returns>
    public IReadOnlyList<KeyValuePair<string, Tensor>> ToBitsAndBytes(string weightName) =>
        BitsAndBytes8.Write(weightName, _codes, _scales);

    /// <inheritdoc/>
    internal override WeightStore Like(Tensor dense)
    {
        var store = Quantize(dense);
        store.ComputeType = ComputeType;
        return store.To(Device);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _codes.Dispose();
        _scales.Dispose();
    }

    /// <inheritdoc/>
    internal override PackedStore To(Device device)
    {
        if (_codes.IsOn(device)) return this;
        var moved = new Int8Store(_codes.to(device).DetachFromDisposeScope(), _scales.to(device).DetachFromDisposeScope())
        {
            ComputeType = ComputeType,
        };
        Dispose();
        return moved;
    }

    /// <inheritdoc/>
    internal override Device Device => _codes.device;

    /// <inheritdoc/>
    internal override void DecodeInto(Tensor dense)
    {
        if (Device.type == DeviceType.CPU)
        {
            Int8Codec.Decode(_codes, _scales, OutFeatures, InFeatures, dense);
            GC.KeepAlive(this);
            return;
        }
        using var scope = NewDisposeScope();
        dense.copy_(_codes.to(ScalarType.Float32).mul(_scales.unsqueeze(1)).Times((double)(1f / 127)).view_as(dense));
    }
}
