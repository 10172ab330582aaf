using PeftSharp.Files.Json;

namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>Builds pre-tokenizers from the <c>pre_tokenizer</c> of tokenizer.json.</summary>
internal static class PreTokenizerReader
{
    private const int MostSteps = 64;

    public static IPreTokenizer Read(JsonField field)
    {
        var type = field.Required("type");
        switch (type.String())
        {
            case "BertPreTokenizer":
                return new BertPreTokenizer();
            case "ByteLevel":
                return new ByteLevelPreTokenizer(field.Flag("add_prefix_space", true), field.Flag("use_regex", true));
            case "Sequence":
                return ReadSequence(field);
            case "Split":
                return ReadSplit(field);
            case "Metaspace":
                return ReadMetaspace(field);
            case "Whitespace":
                return new WhitespaceSplitter(words: true);
            case "WhitespaceSplit":
                return new WhitespaceSplitter(words: false);
            case "Digits":
                return IsolatingSplitter.Digits(field.Flag("individual_digits", false));
            case "Punctuation":
                if (field.Optional("behavior") is not { } behavior)
                {
                    return IsolatingSplitter.Punctuation(oneByOne: true);
                }
                return behavior.String() is "Isolated" or "Contiguous"
                    ? IsolatingSplitter.Punctuation(oneByOne: behavior.String() == "Isolated")
                    : throw behavior.Error(behavior.Describe(), "Isolated or Contiguous", "this pre-tokenizer can't be read yet");
            default:
                throw type.Error(type.Describe(), "BertPreTokenizer, ByteLevel, Sequence, Split, Metaspace, Whitespace, WhitespaceSplit, "
                    + "Digits or Punctuation", "this pre-tokenizer can't be read yet");
        }
    }

    /// <summary>True if words reach the model as bytes.</summary>
    public static bool IsByteLevel(IPreTokenizer? preTokenizer) => preTokenizer is ByteLevelPreTokenizer
        || preTokenizer is PreTokenizerSequence sequence && sequence.Steps.Any(IsByteLevel);

    /// <summary>The step that parts bytes of letters, which merges must keep to; null if there is none.</summary>
    public static ByteDigitSplitter? DigitsOfBytes(IPreTokenizer? preTokenizer) => preTokenizer as ByteDigitSplitter
        ?? (preTokenizer as PreTokenizerSequence)?.Steps.Select(DigitsOfBytes).FirstOrDefault(step => step is not null);

    private static PreTokenizerSequence ReadSequence(JsonField field)
    {
        var steps = new List<IPreTokenizer>();
        foreach (var step in field.Required("pretokenizers").Items(MostSteps))
        {
            // Behind ByteLevel a step meets stand-ins of bytes, where pieces here still have characters: only what is the same for both.
            steps.Add(steps.Any(IsByteLevel) ? ReadOfBytes(step) : Read(step));
        }
        return new PreTokenizerSequence(steps);
    }

    private static Splitter ReadOfBytes(JsonField field)
    {
        var type = field.Required("type");
        return type.String() switch
        {
            "Digits" => new ByteDigitSplitter(field.Flag("individual_digits", false)),
            "Split" when field.Required("pattern").Optional("Regex")?.String() == DigitGroups.Pattern => ReadSplit(field),
            _ => throw type.Error($"{type.Describe()} behind ByteLevel", $"Digits, or Split of {DigitGroups.Pattern}",
                "this pre-tokenizer can't be read yet"),
        };
    }

    // A stranger's regular expression could run for ever, and .NET's classes miss letters outside the basic plane: the few
    // patterns in use are written out by hand.
    private static Splitter ReadSplit(JsonField field)
    {
        var (behavior, pattern, invert) = (field.Required("behavior"), field.Required("pattern"), field.Flag("invert", false));
        var mode = behavior.String();
        if (pattern.Optional("String") is { } literal)
        {
            return !invert && literal.String().Length > 0 && Enum.GetNames<Separator>().Contains(mode)
                ? new LiteralSplitter(literal.String(), Enum.Parse<Separator>(mode))
                : throw behavior.Error($"{behavior.Describe()} with invert = {invert}",
                    $"{string.Join(", ", Enum.GetNames<Separator>())} of a string, not inverted", "this pre-tokenizer can't be read yet");
        }
        if (mode != "Isolated" && !(mode == "Removed" && invert))
        {
            throw behavior.Error(behavior.Describe(), "Isolated, or Removed with invert", "this pre-tokenizer can't be read yet");
        }
        var regex = pattern.Required("Regex");
        return regex.String() == Gpt2Scanner.Pattern ? new Gpt2Scanner()
            : regex.String() == DigitGroups.Pattern && mode == "Isolated" && !invert ? new DigitGroups()
            : Cl100kScanner.For(regex.String())
            ?? throw regex.Error(regex.Describe(), "the pattern of GPT-2, Llama 3, Qwen 2 or Falcon",
                "this pre-tokenizer can't be read yet");
    }

    /// <summary>Reads a Metaspace step, of either generation of files.</summary>
    internal static MetaspacePreTokenizer ReadMetaspace(JsonField field)
    {
        var replacement = field.Required("replacement");
        if (replacement.String().Length != 1)
        {
            throw replacement.Error(replacement.Describe(), "one character", "this pre-tokenizer can't be read yet");
        }
        var scheme = field.Optional("prepend_scheme");
        var where = scheme?.String() ?? (field.Flag("add_prefix_space", true) ? "always" : "never");
        return where is "always" or "first" or "never"
            ? new MetaspacePreTokenizer(replacement.String()[0], where, field.Flag("split", true))
            : throw scheme!.Value.Error(scheme.Value.Describe(), "always, first or never", "this pre-tokenizer can't be read yet");
    }
}
