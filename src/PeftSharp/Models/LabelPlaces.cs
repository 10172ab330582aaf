using PeftSharp.Data;
using PeftSharp.Models.Heads;

namespace PeftSharp.Models;

/// <summary>Which hidden states answer for which labels of a batch.</summary>
/// <param name="Columns">Flat index, row · tokens + token, of the hidden state that each labelled token is scored by.</param>
/// <param name="Targets">The labels.</param>
internal sealed record LabelPlaces(long[] Columns, long[] Targets)
{
    /// <summary>Finds them.</summary>
    /// <param name="batch">Labels [rows, tokens], −100 where none counts; segments where rows are packed.</param>
    /// <param name="width">Hidden states of a row: the tokens, with virtual ones among them.</param>
    /// <param name="place">The place of a row's token among the row's hidden states; true for a sequence's first token.</param>
    /// <param name="added">Virtual tokens before each sequence of a row.</param>
    /// <param name="ahead">So many places before a label its hidden state stands: 1 where a token answers for the next, 0 where it answers
    /// for itself.</param>
    /// <param name="vocabulary">Labels are below this.</param>
    /// <exception cref="PeftException">The labels have another shape than the tokens, or name no token.</exception>
    public static LabelPlaces Of(TokenBatch batch, long width, Func<int, int, bool, long> place, Func<int, long> added, int ahead,
        long vocabulary)
    {
        var labels = batch.Labels!;
        var fits = labels.dim() == 2 && labels.shape[0] == batch.Rows && labels.dtype == TorchSharp.torch.ScalarType.Int64;
        if (!fits || ahead == 1 && labels.shape[1] != batch.Tokens)
            throw new PeftException($"The labels have the shape [{string.Join(", ", labels.shape)}] and the type {labels.dtype}; "
                + $"expected a token id for each of [{batch.Rows}, {batch.Tokens}] tokens, int64, −100 where none counts.");
        var (ids, tokens) = (Numbers(labels), (int)labels.shape[1]);
        var mask = batch.Unpadded || ahead == 0 ? null : Numbers(batch.AttentionMask);
        var segments = batch.Segments is null ? null : Numbers(batch.Segments);
        var (columns, targets) = (new List<long>(), new List<long>());
        for (var row = 0; row < batch.Rows; row++)
            for (var token = 0; token < tokens; token++)
            {
                var (at, label) = (row * tokens + token, ids[row * tokens + token]);
                if (label == Losses.Ignored) continue;
                if (label < 0 || label >= vocabulary)
                    throw new PeftException($"The labels hold the token id {label}, but the model's vocabulary has the ids 0 to "
                        + $"{vocabulary - 1} (-100 stands for none); use the tokenizer of this model.");
                var isFirst = token == 0 || mask?[at - 1] == 0 || segments is not null && segments[at - 1] != segments[at];
                // Nothing stands before a sequence's first token that could answer for it, but for a virtual one.
                if (ahead == 1 && isFirst && added(row) == 0) continue;
                columns.Add(row * width + place(row, token, isFirst) - ahead);
                targets.Add(label);
            }
        return new([.. columns], [.. targets]);
    }

    private static long[] Numbers(TorchSharp.torch.Tensor tensor) => tensor.cpu().contiguous().data<long>().ToArray();
}
