using PeftSharp.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>Looks at a batch before its numbers reach native code, which reads memory by them.</summary>
internal static class BatchCheck
{
    /// <summary>Refuses ids beyond the tables, and masks and segments of another shape than the ids.</summary>
    /// <param name="batch">The batch; ids that lie on a GPU are not looked at, which would wait for it.</param>
    /// <param name="words">Rows of the word table.</param>
    /// <param name="segments">Rows of the segment table; 0 for a model without one.</param>
    /// <exception cref="PeftException">An id or a shape does not fit.</exception>
    public static void Require(TokenBatch batch, long words, long segments)
    {
        var ids = batch.InputIds;
        if (ids.dim() != 2 || ids.shape[0] == 0 || ids.shape[1] == 0)
            throw new PeftException($"A batch has the shape [{string.Join(", ", ids.shape)}]; expected [rows, tokens], each at least 1.");
        foreach (
            var (name, tensor) in (
                ReadOnlySpan<(string, Tensor?)>)[("attention mask", batch.AttentionMask), ("segments", batch.TokenTypeIds)])
            if (tensor is not null && !tensor.shape.SequenceEqual(ids.shape))
                throw new PeftException(
                    $"The {name} of a batch have the shape [{string.Join(", ", tensor.shape)}] and its ids "
                    + $"[{string.Join(", ", ids.shape)}]; give one number for each id.");
        if (ids.device_type != DeviceType.CPU) return;
        if (Beyond(ids, words) is { } word)
            throw new PeftException(
                $"A batch holds the token id {word}, but the model's word table has the ids 0 to {words - 1}; use the tokenizer of "
                + "this model.");
        if (
            batch.AnswerIds is { } answer
                && (answer.dim() != 2 || answer.shape[0] != ids.shape[0] || answer.shape[1] == 0 || Beyond(answer, words) is not null))
            throw new PeftException(
                $"The answer ids of a batch have the shape [{string.Join(", ", answer.shape)}] for {ids.shape[0]} rows, or hold an id "
                + $"beyond {words - 1}; give at least one known token to each row.");
        // A table of one row tells no segments apart: their ids are not looked up.
        if (segments > 1 && batch.TokenTypeIds is { } types && Beyond(types, segments) is { } type)
            throw new PeftException(
                $"A batch holds the segment id {type}, but the model's segment table has the ids 0 to {segments - 1}; give single texts, "
                + "or use a model with more segments.");
    }

    private static long? Beyond(Tensor ids, long rows)
    {
        using var scope = NewDisposeScope();
        var (least, most) = (ids.min().item<long>(), ids.max().item<long>());
        return least < 0 ? least : most >= rows ? most : null;
    }
}
