using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>Losses, computed in float64: they are tiny, and their gradients cancel (a shift of all logits changes nothing).</summary>
internal static class Losses
{
    /// <summary>The label of what is not labelled.</summary>
    public const long Ignored = -100;

    /// <summary>
    /// Mean cross-entropy of logits [examples, classes] against class indices [examples]; examples of label -100 are left out.
    /// </summary>
    /// <exception cref="PeftException">A label names no class.</exception>
    public static BatchLoss CrossEntropy(Tensor logits, Tensor labels)
    {
        if (labels.dtype != ScalarType.Int64)
            throw new PeftException($"The labels are of type {labels.dtype}; classes are counted in int64, from 0.");
        var labelled = labels.IsNot(Ignored);
        var count = labelled.sum().item<long>();
        // The mean over nothing is 0/0.
        if (count == 0) return new(logits.Times(0.0).sum(), 0);
        Check(labels, labelled, logits.shape[1]);
        return new(nn.functional.cross_entropy(logits.to(ScalarType.Float64), labels, ignore_index: Ignored).to(logits.dtype), count);
    }

    /// <summary>Mean squared error of predictions [examples] against targets [examples].</summary>
    public static BatchLoss MeanSquare(Tensor predictions, Tensor targets) =>
        new(
            nn.functional.mse_loss(predictions.to(ScalarType.Float64), targets.to(ScalarType.Float64)).to(predictions.dtype),
            targets.numel());

    /// <summary>
    /// Mean binary cross-entropy of logits [rows, classes] against what holds [rows, classes], 1 or 0 or between: over all entries, as
    /// transformers takes it. Every row has as many classes, so that a row is what a batch weighs by.
    /// </summary>
    /// <exception cref="PeftException">The labels have another shape, or are no numbers from 0 to 1.</exception>
    public static BatchLoss EachLabel(Tensor logits, Tensor labels)
    {
        if (!labels.shape.SequenceEqual(logits.shape))
            throw new PeftException(
                $"The labels have the shape [{string.Join(", ", labels.shape)}]; where any number of classes may hold at once they are "
                + $"[{string.Join(", ", logits.shape)}], 1 at each class that holds and 0 elsewhere.");
        var targets = labels.to(ScalarType.Float64);
        CheckShares(targets);
        var mean = nn.functional.binary_cross_entropy_with_logits(logits.to(ScalarType.Float64), targets);
        return new(mean.to(logits.dtype), labels.shape[0]);
    }

    private static void CheckShares(Tensor targets)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var (least, most) = (targets.min().item<double>(), targets.max().item<double>());
        if (!(least >= 0 && most <= 1))
            throw new PeftException(
                $"The labels hold the number {(least >= 0 ? most : least)}; where any number of classes may hold at once they are 1 at "
                + "each class that holds and 0 elsewhere.");
    }

    private static void Check(Tensor labels, Tensor labelled, long classes)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var real = labels.masked_select(labelled);
        var (least, most) = (real.min().item<long>(), real.max().item<long>());
        if (least < 0 || most >= classes)
            throw new PeftException(
                $"The labels hold the class {(least < 0 ? least : most)}, but the head has the classes 0 to {classes - 1} (-100 stands for "
                + "none); load the model with as many labels as the data has.");
    }
}
