using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>Factors of low rank, multiplied: [n, rows, rank] × [n, rank, columns].</summary>
internal sealed class PhmProduct(AdapterTensor left, AdapterTensor right) : ITensorSource
{
    public string Name => left.Name;

    public Tensor Get(ForwardContext context) => matmul(left.Get(context), right.Get(context));
}
