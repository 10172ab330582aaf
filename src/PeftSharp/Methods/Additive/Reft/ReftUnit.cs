using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Reft;

/// <summary>h + Rᵀ·(f(W·h + b) − R·h), or without the last term.</summary>
internal sealed class ReftUnit(AdapterTensor weight, AdapterTensor bias, IReftProjection projection, ReftOptions options)
{
    private readonly string? _activation = options.NonLinearity;

    /// <summary>h: [rows, tokens, width] → the same.</summary>
    public Tensor Forward(Tensor h, ForwardContext context)
    {
        var rows = projection.Rows(context);
        var source = nn.functional.linear(h, weight.Get(context), bias.Get(context));                // [rows, tokens, r]
        if (_activation is not null) source = Activation.Apply(_activation, source);
        if (options.SubtractProjection) source = source.Plus(nn.functional.linear(h, rows), -1);
        return Dropout.Apply(h.Plus(matmul(source, rows)), options.Dropout, weight.Name, context);
    }
}
