using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Runs;
using PeftSharp.Runs.Rows;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Analysis.Combining.Soups;

/// <summary>How alike domains of texts are, by the vectors that the base model gives their texts.</summary>
internal static class TextDomains
{
    /// <summary>How like the new texts are to each domain.</summary>
    /// <remarks>
    /// A text's vector is the mean of the last layer over its tokens, of the base without adapters, relative to the mean of all domains
    /// (those of a language model all point one way), at length 1. The paper takes a model of sentences.
    /// </remarks>
    public static IReadOnlyList<double> Likeness(LoadedModel model, IReadOnlyList<string> domains, string texts, DomainOptions options)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var raw = domains.Append(texts).Select(path => Vectors(model, path, options.Texts)).ToList();
        var centre = stack([.. raw.Take(domains.Count).Select(v => v.mean([0]))]).mean([0]);
        var unit = raw.Select(v => nn.functional.normalize(v.Plus(centre, -1), 2, 1)).ToList();       // [texts, width]
        var centres = stack([.. unit.Take(domains.Count).Select(v => v.mean([0]))]);                  // [domains, width]
        // The mean over all pairs is the product of the means.
        if (!options.ByCluster) return [.. matmul(centres, unit[^1].mean([0])).to(ScalarType.Float64).data<double>().ToArray()];
        var nearest = matmul(unit[^1], nn.functional.normalize(centres, 2, 1).t()).argmax(1).data<long>().ToArray();
        return [.. Enumerable.Range(0, domains.Count).Select(i => nearest.Count(n => n == i) / (double)nearest.Length)];
    }

    // [texts, width], float32.
    private static Tensor Vectors(LoadedModel model, string path, int count)
    {
        var request = new DataRequest(path) { Kind = LabelKind.None, RequireLabels = false, Usual = model.Columns, Take = count };
        var data = request.Load().Data;
        using var tokens = Encoders.Encode(
            data, model.Tokenizer(), model.Model.Model, model.BaseFolder, model.MaxLength(), Caller.Program);
        var vectors = new List<Tensor>();
        foreach (var rows in BatchPlan.ForEvaluation(tokens.Lengths))
        {
            using var scope = NewDisposeScope();
            using var batch = tokens.CreateBatch(rows);
            var output = model.Model.Forward(batch, AdapterSelection.None, allTokens: true);
            var hidden = output.Hidden!.to(ScalarType.Float32);
            var mean = output.Mask is not { } mask ? hidden.mean([1])
                : (hidden * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim: true).AtLeast(1L);
            vectors.Add(mean.MoveToOuterDisposeScope());
        }
        return cat([.. vectors]);
    }
}
