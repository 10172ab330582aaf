using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Hybrid.Fusion;

/// <summary>An attention over what adapters add at one residual branch: each token asks, the adapters answer.</summary>
/// <param name="options">The fusion's settings.</param>
/// <param name="query">Makes queries of what the adapters read.</param>
/// <param name="key">Makes keys of what they add.</param>
/// <param name="value">Makes values of what they add.</param>
/// <param name="path">The branch, from which its draws derive.</param>
/// <param name="temperature">What scores are divided by in training, at present.</param>
internal sealed class FusionLayer(FusionOptions options, FusionMap? query, FusionMap? key, FusionMap? value, string path,
    Func<double> temperature) : IBranchFusion
{
    private readonly double _dropout = options.Dropout ?? options.ModelDropout;

    public Tensor Fuse(FusionInput input, IReadOnlyList<Tensor> added, ForwardContext context)
    {
        var all = stack([.. added], 2);                                                               // [rows, tokens, adapters, hidden]
        if (options.ResidualBefore) all = all.Plus(input.Residual.unsqueeze(2));
        var weights = Weights(options.QueryBeforeNorm ? input.BeforeNorm : input.Read, all, context); // [rows, tokens, 1, adapters]
        var mixed = options.ValueBeforeSoftmax
            ? matmul(weights, FusionMap.Apply(value, all, context))
            : FusionMap.Apply(value, matmul(weights, all), context);
        mixed = mixed.squeeze(2);                                                                     // [rows, tokens, hidden]
        return options.ResidualBefore ? mixed : mixed.Plus(input.Residual);
    }

    /// <summary>How much each adapter counts for each token, [rows, tokens, 1, adapters]; they add up to 1.</summary>
    private Tensor Weights(Tensor asked, Tensor all, ForwardContext context)
    {
        var queries = FusionMap.Apply(query, asked, context).unsqueeze(2);                            // [rows, tokens, 1, hidden]
        var keys = FusionMap.Apply(key, all, context);                                                // [rows, tokens, adapters, hidden]
        var scores = Dropout.Apply(matmul(queries, keys.transpose(-1, -2)), _dropout, $"{path}.adapter_fusion", context);
        // Answers are those of the fusion as it is loaded again, which has cooled down.
        var weights = scores.Times(context.Training ? 1 / temperature() : 1).softmax(-1);
        context.FusionListener?.Hear(path, weights, context.Padding);
        return weights;
    }
}
