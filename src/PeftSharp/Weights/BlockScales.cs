using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>The scales of blocks, plain or themselves quantised. Holds addresses: its tensors must be kept alive.</summary>
internal readonly unsafe struct BlockScales
{
    private readonly float* _plain;
    private readonly byte* _codes;
    private readonly float* _nested;
    private readonly float* _map;
    private readonly float _offset;

    private BlockScales(float* plain) => _plain = plain;

    private BlockScales(byte* codes, float* nested, float* map, float offset)
    {
        _codes = codes;
        _nested = nested;
        _map = map;
        _offset = offset;
    }

    public static BlockScales Of(Tensor absmax) => new((float*)TensorPointer.Of(absmax));

    public static BlockScales Of(Tensor codes, Tensor nested, Tensor map, float offset) =>
        new(TensorPointer.Of(codes), (float*)TensorPointer.Of(nested), (float*)TensorPointer.Of(map), offset);

    public float this[long block] => _plain != null
        ? _plain[block]
        : _map[_codes[block]] * _nested[block / DoubleQuantization.Block] + _offset;
}
