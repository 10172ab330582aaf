using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tokenization;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Proof;

/// <summary>Asks a model a few fixed questions. They come with the library: no user's text ends up in an adapter.</summary>
internal static class Probing
{
    private const int MostTokens = 32, MostNumbers = 64, Rows = 6;

    private static readonly string[] Sentences =
    [
        "The soup was hot and the bread was fresh.",
        "Nobody at the station knew why the night train had been cancelled again.",
        "Is 17 a prime number, or does 3 divide it?",
        "What a wonderful, touching little film!",
        "He returned the kettle after two days; it leaked, and the handle broke.",
        "ok",
    ];

    /// <summary>
    /// The questions, unanswered: built-in sentences, or where they cannot be encoded for this model, ranges of token ids.
    /// </summary>
    public static IReadOnlyList<ProofQuestion> Questions(TransformerModel model, Tokenizer? tokenizer)
    {
        // Half of the positions: virtual tokens need room too.
        var longest = Math.Clamp(model.MaxTokens / 2, 1, MostTokens);
        var vocabulary = model.Config.Size("vocab_size");
        var texts = tokenizer is null || longest < 4 ? []
            : Sentences.Select(s => new ProofQuestion { Text = s, InputIds = tokenizer.Encode(s, maxLength: longest).Ids }).ToList();
        return texts.Count > 0 && texts.All(p => p.InputIds.Count > 0 && p.InputIds.All(id => id < vocabulary)) ? texts
            : [.. Enumerable.Range(0, Rows).Select(row => new ProofQuestion
            {
                InputIds =
                [
                    .. Enumerable.Range(0, Math.Max(1, longest - 2 * row))
                        .Select(i => (int)((row * 7919L + i * (2L * row + 1)) % vocabulary)),
                ],
            })];
    }

    /// <summary>The same questions with the model's answers, in inference mode, each a batch of its own.</summary>
    /// <exception cref="PeftException">A question does not fit the model, or an answer is no number.</exception>
    public static IReadOnlyList<ProofQuestion> Answer(PeftModel model, AdapterSelection selection, IEnumerable<ProofQuestion> questions) =>
        [.. questions.Select(q => q with { Logits = Logits(model, selection, q) })];

    /// <summary>
    /// The largest difference, as a share of the larger of 1 and the largest expected number; infinite where the answers cannot be
    /// compared.
    /// </summary>
    public static double Distance(IReadOnlyList<ProofQuestion> expected, IReadOnlyList<ProofQuestion> found)
    {
        if (!expected.Select(p => p.Logits.Count).SequenceEqual(found.Select(p => p.Logits.Count))) return double.PositiveInfinity;
        var pairs = expected.Zip(found).SelectMany(p => p.First.Logits.Zip(p.Second.Logits)).ToList();
        var scale = pairs.Select(p => Math.Abs((double)p.First)).Append(1).Max();
        var largest = pairs.Select(p => Math.Abs((double)p.First - p.Second)).Append(0).Max();
        return double.IsNaN(largest) ? double.PositiveInfinity : largest / scale;
    }

    private static float[] Logits(PeftModel model, AdapterSelection selection, ProofQuestion question)
    {
        Check(model.Model, question);
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var ids = tensor(question.InputIds.Select(id => (long)id).ToArray(), [1, question.InputIds.Count]);
        using var batch = new TokenBatch
        {
            InputIds = ids,
            AttentionMask = ones_like(ids),
            Unpadded = true,
            // A model that answers with texts is asked how likely it is to say the question.
            AnswerIds = model.Model.Head.Kind == TaskKind.SequenceToSequence ? ids.clone() : null,
        };
        var flat = model.Forward(batch, selection).Logits.to(ScalarType.Float32).flatten().cpu();
        var count = flat.shape[0];
        if (count > MostNumbers)
            flat = flat.index_select(
                0, tensor(Enumerable.Range(0, MostNumbers).Select(i => count * i / MostNumbers).ToArray(), ScalarType.Int64));
        var numbers = flat.contiguous().data<float>().ToArray();
        return Array.TrueForAll(numbers, float.IsFinite) ? numbers
            : throw new PeftException(
                "The model answers with numbers that are not finite; its weights are damaged, or its training has diverged.");
    }

    // The questions may come from a file.
    private static void Check(TransformerModel model, ProofQuestion question)
    {
        var vocabulary = model.Config.Size("vocab_size");
        if (question.InputIds.Count < 1 || question.InputIds.Count > model.MaxTokens)
            throw new PeftException($"A probe has {question.InputIds.Count} tokens; the model takes 1 to {model.MaxTokens}.");
        foreach (var id in question.InputIds)
            if (id < 0 || id >= vocabulary)
                throw new PeftException($"A probe has the token id {id}; the model's are 0 to {vocabulary - 1}.");
    }
}
