using System.Text.Json;
using PeftSharp.Files.Gguf;
using PeftSharp.Files.Json;
using PeftSharp.Tokenization.Legacy;
using PeftSharp.Tokenization.PreTokenizers;
using PeftSharp.Tokenization.SentencePiece;

namespace PeftSharp.Tokenization.Gguf;

/// <summary>The tokenizer.json of BPE over bytes, from the metadata of a GGUF file.</summary>
internal static class GgufByteLevel
{
    private const string Prefix = "tokenizer.ggml.";

    // How words are divided, under the names of llama.cpp.
    private static readonly Dictionary<string, Action<Utf8JsonWriter>> divisions = new()
    {
        ["default"] = json => WriteByteLevel(json, regex: true),
        ["gpt-2"] = json => WriteByteLevel(json, regex: true),
        ["smollm"] = json => WriteDigits(json),
        ["starcoder"] = json => WriteDigits(json),
        ["falcon"] = json => WriteFalcon(json),
        ["llama-bpe"] = json => WriteSplit(json, Cl100kScanner.Pattern),
        ["smaug-bpe"] = json => WriteSplit(json, Cl100kScanner.Pattern),
        ["qwen2"] = json => WriteSplit(json, Cl100kScanner.Pattern.Replace("{1,3}", "", StringComparison.Ordinal)),
    };

    // Other names of the same.
    private static readonly Dictionary<string, string> others = new()
    {
        ["llama3"] = "llama-bpe",
        ["llama-v3"] = "llama-bpe",
        ["falcon3"] = "llama-bpe",
        ["pixtral"] = "llama-bpe",
        ["deepseek-r1-qwen"] = "qwen2",
    };

    /// <summary>Names of the divisions that are known.</summary>
    public static IReadOnlyCollection<string> Divisions => [.. divisions.Keys, .. others.Keys];

    /// <summary>The name in llama.cpp of how a tokenizer.json divides words into bytes; null if it does not.</summary>
    /// <exception cref="PeftException">It divides them in a way that llama.cpp has no name for.</exception>
    public static string? DivisionOf(JsonField file)
    {
        if (file.Optional("pre_tokenizer") is not { } splitter)
        {
            return null;
        }
        var steps = splitter.Required("type").String() == "Sequence" ? splitter.Required("pretokenizers").Items().ToList() : [splitter];
        string Type(JsonField step) => step.Required("type").String();
        if (steps.All(step => Type(step) != "ByteLevel"))
        {
            return null;
        }
        var pattern = steps.Where(step => Type(step) == "Split").Select(step => step.Required("pattern").Optional("Regex")?.String())
            .FirstOrDefault();
        var digits = steps.Any(step => Type(step) == "Digits" && step.Flag("individual_digits", false));
        var name = (steps.Select(Type).ToArray(), pattern) switch
        {
            (["ByteLevel"], _) => "gpt-2",
            (["Digits", "ByteLevel"], _) when digits => "smollm",
            (["Punctuation", "ByteLevel", "Digits", "Split"], DigitGroups.Pattern)
                when steps[0].Optional("behavior")?.String() == "Contiguous" && !digits => "falcon",
            (["Split", "ByteLevel"], Cl100kScanner.Pattern) => "llama-bpe",
            (["Split", "ByteLevel"], { } other) when other == Cl100kScanner.Pattern.Replace("{1,3}", "", StringComparison.Ordinal) =>
                "qwen2",
            _ => null,
        };
        return name is not null && !steps.Single(step => Type(step) == "ByteLevel").Flag("add_prefix_space", true) ? name
            : throw splitter.Error("a division of words", $"one of those that llama.cpp calls {string.Join(", ", divisions.Keys)}",
                "keep the model in Hugging Face's layout");
    }

    /// <summary>Writes the file.</summary>
    public static byte[] Pipeline(GgufMetadata metadata, List<ScoredPiece> tokens)
    {
        var merges = metadata.Texts($"{Prefix}merges") ?? throw metadata.Missing($"{Prefix}merges");
        var division = metadata.Text($"{Prefix}pre") ?? "default";
        division = others.GetValueOrDefault(division, division);
        if (!divisions.TryGetValue(division, out var write))
        {
            throw metadata.Wrong($"{Prefix}pre", $"one of {string.Join(", ", Divisions)}");
        }
        var isLlama3 = division == "llama-bpe";
        return PipelineJson.Write(json =>
        {
            var added = tokens.Select((token, id) => (token, id))
                .Where(entry => entry.token.Kind is PieceKind.Control or PieceKind.UserDefined);
            PipelineJson.WriteAddedTokens(json, [.. added.DistinctBy(entry => entry.token.Text)
                .Select(entry => new AddedToken(entry.id, entry.token.Text, false, false, false, entry.token.Kind == PieceKind.UserDefined,
                    entry.token.Kind == PieceKind.Control))]);
            // Qwen's own tokenizer composes characters first.
            if (division == "qwen2")
            {
                PipelineJson.WriteObject(json, "normalizer", "NFC");
            }
            json.WritePropertyName("pre_tokenizer");
            write(json);
            WriteEnds(json, metadata, tokens, isLlama3);
            PipelineJson.WriteObject(json, "decoder", "ByteLevel");
            PipelineJson.WriteObject(json, "model", "BPE", () =>
            {
                json.WriteBoolean("ignore_merges", isLlama3);
                json.WriteStartObject("vocab");
                var seen = new HashSet<string>();
                for (var id = 0; id < tokens.Count; id++)
                {
                    if (seen.Add(tokens[id].Text))
                    {
                        json.WriteNumber(tokens[id].Text, id);
                    }
                }
                json.WriteEndObject();
                json.WriteStartArray("merges");
                foreach (var merge in merges)
                {
                    json.WriteStringValue(merge);
                }
                json.WriteEndArray();
            });
        });
    }

    private static void WriteEnds(Utf8JsonWriter json, GgufMetadata metadata, List<ScoredPiece> tokens, bool startsUsually)
    {
        int? Id(string flag, string role, bool usual) => metadata.Flag($"{Prefix}{flag}") ?? usual
            ? metadata.Int($"{Prefix}{role}_token_id", tokens.Count - 1) : null;
        var (start, end) = (Id("add_bos_token", "bos", startsUsually), Id("add_eos_token", "eos", false));
        if (start is null && end is null)
        {
            return;
        }
        PipelineJson.WriteObject(json, "post_processor", "TemplateProcessing", () =>
        {
            foreach (var name in (string[])["single", "pair"])
            {
                json.WriteStartArray(name);
                foreach (var (text, type) in name == "pair" ? new[] { ("A", 0), ("B", 1) } : [("A", 0)])
                {
                    WriteToken(json, start, tokens, type);
                    PipelineJson.WritePart(json, "Sequence", text, type);
                    WriteToken(json, end, tokens, type);
                }
                json.WriteEndArray();
            }
            json.WriteStartObject("special_tokens");
            foreach (var id in new[] { start, end }.OfType<int>().Distinct())
            {
                json.WriteStartObject(tokens[id].Text);
                json.WriteStartArray("ids");
                json.WriteNumberValue(id);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        });
    }

    private static void WriteToken(Utf8JsonWriter json, int? id, List<ScoredPiece> tokens, int type)
    {
        if (id is { } token)
        {
            PipelineJson.WritePart(json, "SpecialToken", tokens[token].Text, type);
        }
    }

    private static void WriteSplit(Utf8JsonWriter json, string pattern) => WriteSequence(json, () =>
    {
        WriteSplitStep(json, pattern);
        WriteByteLevel(json, regex: false);
    });

    private static void WriteDigits(Utf8JsonWriter json) => WriteSequence(json, () =>
    {
        WriteDigitsStep(json, oneByOne: true);
        WriteByteLevel(json, regex: true);
    });

    private static void WriteFalcon(Utf8JsonWriter json) => WriteSequence(json, () =>
    {
        json.WriteStartObject();
        json.WriteString("type", "Punctuation");
        json.WriteString("behavior", "Contiguous");
        json.WriteEndObject();
        WriteByteLevel(json, regex: true);
        WriteDigitsStep(json, oneByOne: false);
        WriteSplitStep(json, DigitGroups.Pattern);
    });

    private static void WriteSplitStep(Utf8JsonWriter json, string pattern)
    {
        json.WriteStartObject();
        json.WriteString("type", "Split");
        json.WriteStartObject("pattern");
        json.WriteString("Regex", pattern);
        json.WriteEndObject();
        json.WriteString("behavior", "Isolated");
        json.WriteEndObject();
    }

    private static void WriteDigitsStep(Utf8JsonWriter json, bool oneByOne)
    {
        json.WriteStartObject();
        json.WriteString("type", "Digits");
        json.WriteBoolean("individual_digits", oneByOne);
        json.WriteEndObject();
    }

    private static void WriteSequence(Utf8JsonWriter json, Action steps)
    {
        json.WriteStartObject();
        json.WriteString("type", "Sequence");
        json.WriteStartArray("pretokenizers");
        steps();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteByteLevel(Utf8JsonWriter json, bool regex)
    {
        json.WriteStartObject();
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("use_regex", regex);
        json.WriteEndObject();
    }
}
