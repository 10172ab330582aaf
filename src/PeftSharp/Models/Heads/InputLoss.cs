using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>The loss of labels inside what a plug-in puts before every sequence: a few a row, so their logits are made whole.</summary>
internal static class InputLoss
{
    /// <summary>Mean over rows and labels of −log softmax at the label, each times its weight.</summary>
    /// <param name="labels">The labels.</param>
    /// <param name="hidden">What the head reads, [rows, tokens, hidden], vectors before the sequences included.</param>
    /// <param name="mask">1 at real tokens, int64 [rows, tokens]; null where all are.</param>
    /// <param name="head">The head.</param>
    /// <param name="context">The call.</param>
    public static BatchLoss Of(IReadOnlyList<InputLabel> labels, Tensor hidden, Tensor? mask, TaskHead head, ForwardContext context)
    {
        var (rows, width) = (hidden.shape[0], hidden.shape[2]);
        var places = tensor(labels.Select(label => label.Place - 1L).ToArray(), ScalarType.Int64, device: hidden.device).unsqueeze(0);
        // Vectors stand behind the padding at a row's left.
        if (mask is not null) places = places.Plus(mask.cumsum(1).IsBelow(1L).to(ScalarType.Int64).sum([1L]).unsqueeze(1));
        var read = hidden.gather(1, places.expand(rows, labels.Count).unsqueeze(-1).expand(rows, labels.Count, width));
        var logits = head.Forward(read, null, context);                                            // [rows, labels, vocabulary]
        var targets = tensor(labels.Select(label => label.Token).ToArray(), ScalarType.Int64, device: hidden.device);
        var weights = tensor(labels.Select(label => label.Weight).ToArray(), ScalarType.Float64, device: hidden.device).to(logits.dtype);
        var each = logits.logsumexp(-1).sub(logits.gather(2, targets.view(1, -1, 1).expand(rows, labels.Count, 1)).squeeze(-1));
        return new((each * weights).mean(), rows * labels.Count);
    }
}
