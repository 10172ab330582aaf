using PeftSharp.Cli.Models;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Metrics;
using PeftSharp.Runs;

namespace PeftSharp.Cli.Quickstart;

/// <summary>Five sentences that are in neither file, and what the model makes of them.</summary>
internal static class Sentences
{
    private static readonly string[] Texts =
    [
        "My new phone can't receive the code you text me, so I'm stuck at the sign-in page.",
        "Three weeks ago you said the money was on its way to my bank, and I'm still waiting.",
        "The vase came in two pieces. Please post me a whole one.",
        "Can the blue jacket go to my office instead of my home?",
        "The checkout spins for a minute and then says my card was declined.",
    ];

    /// <summary>Answers all of them.</summary>
    public static IReadOnlyList<Answer> Ask(
        PeftModel model, PeftSharp.Sites.AdapterSelection selection, ITextEncoder encoder, IReadOnlyList<string> labels)
    {
        var rows = new TextDataset(
            [.. Texts.Select((t, i) => new Example(t, null, -1, float.NaN, i + 1))], LabelKind.None, null, "the quickstart's sentences");
        var table = new Evaluator(model, selection, TokenizedDataset.Create(rows, encoder, 64)).Outputs();
        return [.. Texts.Select((text, row) => Best(text, table.Values.Slice(row * table.Width, table.Width), labels))];
    }

    private static Answer Best(string text, ReadOnlySpan<float> logits, IReadOnlyList<string> labels)
    {
        var best = MetricSet.Predictions(logits, logits.Length)[0];
        var sum = 0.0;
        foreach (var logit in logits) sum += Math.Exp(logit - logits[best]);
        return new(text, labels[best], 1 / sum);
    }
}
