using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Cli.Quickstart;

/// <summary>The honest baseline: the frozen model's sentence vectors, computed once, and a linear classifier trained on them.</summary>
internal static class HeadOnly
{
    // Chosen on 180 sentences set aside of train.tsv, as the adapter's settings are.
    private const int Steps = 100;
    private const double Rate = 0.02, Decay = 5, Length = 10;

    /// <summary>Accuracy on the held-out rows, 0 to 1.</summary>
    public static double Accuracy(PeftModel model, TokenizedDataset train, TokenizedDataset test, CancellationToken cancellation)
    {
        using var scope = NewDisposeScope();
        var (known, unseen) = (Vectors(model, train, cancellation), Vectors(model, test, cancellation));

        using var head = nn.Linear(known.shape[1], model.Model.Head.Outputs);
        foreach (var parameter in head.parameters()) nn.init.zeros_(parameter);
        using var optimizer = optim.AdamW(head.parameters(), Rate, weight_decay: Decay);
        var labels = Labels(train);
        for (var step = 0; step < Steps; step++)
        {
            using var inner = NewDisposeScope();
            optimizer.zero_grad();
            nn.functional.cross_entropy(head.call(known), labels).backward();
            optimizer.step();
        }
        using var guard = no_grad();
        return head.call(unseen).argmax(1).eq(Labels(test)).to(ScalarType.Float64).mean().item<double>();
    }

    // Mean over the real tokens of the last layer, all of one length, [rows, hidden].
    private static Tensor Vectors(PeftModel model, TokenizedDataset data, CancellationToken cancellation)
    {
        using var guard = no_grad();
        var all = zeros([data.Count, model.Model.Width]);
        foreach (var rows in BatchPlan.ForEvaluation(data.Lengths))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using var batch = data.CreateBatch(rows);
            var hidden = model.Forward(batch, AdapterSelection.None, allTokens: true).Hidden!;
            var mask = batch.AttentionMask.unsqueeze(-1).to(hidden.dtype); // [rows, tokens, 1]
            all.index_copy_(0, tensor(rows.Select(r => (long)r).ToArray()), (hidden * mask).sum(1) / mask.sum(1));
        }
        return nn.functional.normalize(all).mul_(tensor((float)Length));
    }

    private static Tensor Labels(TokenizedDataset data) => tensor(data.Data.Examples.Select(e => (long)e.Label).ToArray());
}
