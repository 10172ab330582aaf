namespace PeftSharp.Tokenization.Settings;

/// <summary>The tokenizer's class in Python, as <c>tokenizer_class</c> names it: it decides which settings count, and what they are where
/// they are missing.</summary>
internal sealed class TokenizerClass
{
    private const string Tokenizer = "Tokenizer", Fast = "TokenizerFast";

    private static readonly HashSet<string> bert =
    [
        "Bert", "DistilBert", "Electra", "MPNet", "MobileBert", "ConvBert", "SqueezeBert", "LayoutLM", "Lxmert", "Funnel", "Retribert",
        "DPRQuestionEncoder", "DPRContextEncoder", "Splinter",
    ];

    // Those whose vocab.txt is read as BERT's, and whose vocab.json and merges.txt as GPT-2's or RoBERTa's.
    private static readonly HashSet<string> withVocabulary =
    [
        "Bert", "DistilBert", "Electra", "MobileBert", "ConvBert", "SqueezeBert", "LayoutLM", "Lxmert", "Retribert", "DPRQuestionEncoder",
        "DPRContextEncoder", "GPT2", "Roberta", "Longformer", "Bart", "LED",
    ];

    private static readonly HashSet<string> byteLevel =
        ["Roberta", "GPT2", "Longformer", "Bart", "LED", "MVP", "Deberta", "Blenderbot", "CodeGen", "GPTNeoX"];

    // Python has no fast form of these: what they do to a text stands in their code, not in a file.
    private static readonly HashSet<string> inCode =
        ["BertJapanese", "Bertweet", "Phobert", "Tapas", "CTRL", "Flaubert", "XLM", "ProphetNet", "Esm", "Canine", "BertGeneration",
            "BioGpt", "FSMT"];

    private TokenizerClass(string name, string plain)
    {
        (Name, IsBert, IsByteLevel) = (name, bert.Contains(plain), byteLevel.Contains(plain));
        (IsInCode, ReadsVocabulary) = (inCode.Contains(plain), IsUnknown || withVocabulary.Contains(plain));
    }

    /// <summary>The class as the file names it; empty if it does not.</summary>
    public string Name { get; }

    /// <summary>True if the file names none.</summary>
    public bool IsUnknown => Name.Length == 0;

    /// <summary>BERT's kind: sets lower case, accents and Chinese characters anew.</summary>
    public bool IsBert { get; }

    /// <summary>GPT-2's kind: sets anew whether a space goes before the text.</summary>
    public bool IsByteLevel { get; }

    /// <summary>True if no file says what it does.</summary>
    public bool IsInCode { get; }

    /// <summary>True if the files of a vocabulary are enough to know what it does.</summary>
    public bool ReadsVocabulary { get; }

    /// <summary>The class of this name.</summary>
    public static TokenizerClass Named(string name)
    {
        var plain = name.EndsWith(Fast, StringComparison.Ordinal) ? name[..^Fast.Length]
            : name.EndsWith(Tokenizer, StringComparison.Ordinal) ? name[..^Tokenizer.Length] : name;
        return new(name, plain);
    }
}
