using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Conformance;

/// <summary>
/// What a reference case says of several adapters on one model: each alone, stacked, fused, averaged, and row by row. Names say what is
/// asked: <c>stack-a-b.logits</c>, <c>fuse-a-b.logits</c>, <c>average-a-d.logits</c>, <c>batchsplit-a1-b2.logits</c>.
/// </summary>
/// <param name="reference">The case.</param>
/// <param name="model">The model, without adapters.</param>
/// <param name="tolerance">The largest relative error that passes.</param>
/// <param name="results">Where comparisons go.</param>
internal sealed class CompositionRun(ConformanceCase reference, PeftModel model, double tolerance, List<ConformanceQuantity> results)
{
    /// <summary>Attaches the adapters and the fusion, compares everything but the fusion's training, and gives the fusion.</summary>
    public FusionMethod Run()
    {
        foreach (var folder in Directory.GetDirectories(reference.Folder).Where(folder => !AdapterFolder.IsFusion(folder))
            .Order(StringComparer.Ordinal))
            AdapterFolder.Open(folder).LoadInto(model);
        // The loss of the reference is the model's own: its trainer adds the regularisation.
        reference.Adapter!.Options = (FusionOptions)reference.Options with { Regularization = false };
        var fusion = (FusionMethod)reference.Adapter.LoadInto(model);
        using (no_grad())
            foreach (var name in reference.Names
                .Where(name => name.EndsWith(".logits", StringComparison.Ordinal) && !name.StartsWith("base.")
                && !name.StartsWith("trajectory.")).ToList())
                Compare(name[..^".logits".Length]);
        return fusion;
    }

    private void Compare(string what)
    {
        using var scope = NewDisposeScope();
        var batch = reference.Batch(true);
        var output = model.Forward(batch, Selection(what, batch));
        results.Add(TensorComparison.Of($"{what}.logits", tolerance, [("logits", output.Logits, reference[$"{what}.logits"])]));
        if (reference.Has($"{what}.loss"))
            results.Add(TensorComparison.Of($"{what}.loss", tolerance,
                [("loss", model.Model.Head.Loss(output, batch.Labels!).Mean, reference[$"{what}.loss"])]));
    }

    private AdapterSelection Selection(string what, TokenBatch batch)
    {
        var (kind, names) = (what.Split('-')[0], what.Split('-')[1..]);
        AdapterComposition Of(string name) => AdapterComposition.Of(model[name].Tag);
        return kind switch
        {
            "stack" => AdapterSelection.Of(AdapterComposition.StackOf([.. names.Select(Of)])),
            "fuse" => AdapterSelection.Of(AdapterComposition.FuseOf(model[string.Join(",", names)].Tag, [.. names.Select(Of)])),
            "average" => AdapterSelection.Of(Averaged(names).Tag),
            "batchsplit" => AdapterSelection.PerRow([.. names
                .SelectMany(name => Enumerable.Repeat(Of(name[..1]),
                int.Parse(name[1..], System.Globalization.CultureInfo.InvariantCulture)))]),
            _ => AdapterSelection.Of(Of(kind)),
        };
    }

    // A new adapter of averaged tensors, a quarter of the first.
    private PeftMethod Averaged(string[] names)
    {
        var (first, second) = (model[names[0]], model[names[1]]);
        var averaged = model.Add(first.Options, "averaged");
        foreach (var (tensor, (a, b)) in averaged.Tensors.Zip(first.Tensors.Zip(second.Tensors)))
            tensor.Value.copy_(Mixture.Of([(a.Value, 0.25), (b.Value, 0.75)]));
        return averaged;
    }
}
