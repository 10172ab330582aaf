using PeftSharp.Tokenization.Legacy;
using PeftSharp.Tokenization.Models;
using PeftSharp.Tokenization.PostProcessors;

namespace PeftSharp.Tokenization.SentencePiece;

/// <summary>The tokens that stand before and after a text, which a SentencePiece model does not tell: its class in Python does.</summary>
/// <param name="Start">Before each text; null for none.</param>
/// <param name="End">After each text; null for none.</param>
internal sealed record SentencePieceEnds(int? Start, int? End)
{
    private static readonly string[] starting = ["Llama", "CodeLlama", "Gemma", "Mistral"];
    private static readonly string[] ending = ["T5", "MT5"];

    /// <summary>The parts around one text.</summary>
    public TemplatePart[] Single => [.. Around(0, 0)];

    /// <summary>The parts around two texts. T5 does not tell them apart by segments.</summary>
    public TemplatePart[] Pair => [.. Around(0, 0), .. Around(1, Start is null ? 0 : 1)];

    /// <summary>Those of a model: what tokenizer_config.json sets, else what its class does, else a start for BPE (Llama) and an end for
    /// Unigram (T5).</summary>
    /// <exception cref="PeftException">The class is one that puts other tokens.</exception>
    public static SentencePieceEnds Of(SentencePieceFile file, TokenizerConfig config, Vocabulary vocabulary)
    {
        var name = config.ClassName;
        bool IsOneOf(string[] classes) => classes.Any(plain => name == $"{plain}Tokenizer" || name == $"{plain}TokenizerFast");
        var isKnown = name.Length == 0 || name is "TokenizersBackend" or "PreTrainedTokenizerFast" || IsOneOf(starting) || IsOneOf(ending);
        if (!isKnown)
        {
            throw new PeftException($"{config.File}: tokenizer_class is \"{name}\", and a SentencePiece model alone does not say what it "
                + "does; "
                + $"expected one of {string.Join(", ", starting.Concat(ending))}, or a tokenizer.json beside it: save the tokenizer in "
                    + "Python as a fast one.");
        }
        var begins = IsOneOf(starting) || (!IsOneOf(ending) && file.IsBpe);
        int? Id(string flag, bool usual, string role, string text) => !config.Flag(flag, usual) ? null
            : vocabulary.IdOf(config.Token(role) ?? text) is >= 0 and var id ? id : null;
        return new(Id("add_bos_token", begins, "bos_token", "<s>"), Id("add_eos_token", !begins, "eos_token", "</s>"));
    }

    private IEnumerable<TemplatePart> Around(int sequence, int type)
    {
        if (Start is { } start)
        {
            yield return new(-1, [start], type);
        }
        yield return new(sequence, [], type);
        if (End is { } end)
        {
            yield return new(-1, [end], type);
        }
    }
}
