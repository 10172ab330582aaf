using PeftSharp.Data;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Making;

/// <summary>Merges an adapter and makes sure that the model answers as before.</summary>
internal static class MergeProbe
{
    public const int Rows = 8;
    private const double Tolerance = 1e-3;

    /// <summary>The largest difference of an answer, before and after.</summary>
    /// <exception cref="PeftException">It is larger than rounding explains.</exception>
    public static double Merge(LoadedModel model)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        using var batch = Batch(model);
        var before = model.Model.Forward(batch, model.Selection).Logits;
        model.Model.Merge(model.Composition ?? model.Adapter!.Tag.Acts);
        var after = model.Model.Forward(batch, AdapterSelection.None).Logits;
        var difference = Largest(before - after);
        var scale = Math.Max(1, Largest(before));
        return difference <= Tolerance * scale
            ? difference
            : throw new PeftException(
                $"Merged answers differ from the adapter's by {Figures.Small(difference)}, more than rounding explains; nothing "
                + "was written.");
    }

    private static double Largest(Tensor x) => x.abs().max().to(ScalarType.Float64).item<double>();

    // Rows of several lengths with arbitrary tokens, the same in every run.
    private static TokenBatch Batch(LoadedModel model)
    {
        var transformer = model.Model.Model;
        var (width, vocabulary) = (Math.Min(32, transformer.MaxTokens / 2), transformer.Config.Size("vocab_size"));
        var (ids, mask) = (new long[Rows * width], new long[Rows * width]);
        var random = new SeededRandom(1, 0);
        for (var row = 0; row < Rows; row++)
            for (var t = 0; t < width; t++)
            {
                ids[row * width + t] = random.Next(vocabulary);
                mask[row * width + t] = t == 0 || t < width - row * width / (2 * Rows) ? 1 : 0;
            }
        return new TokenBatch { InputIds = tensor(ids, [Rows, width]), AttentionMask = tensor(mask, [Rows, width]), Unpadded = false };
    }
}
