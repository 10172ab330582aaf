using System.Text;
using System.Text.Json;
using static PeftSharp.Tokenization.Legacy.PipelineJson;

namespace PeftSharp.Tokenization.Legacy;

/// <summary>Writes the tokenizer.json that a folder of older files stands for, so that one reader serves all.</summary>
internal static class VocabularyFolder
{
    /// <summary>From vocab.txt: BERT and its kin.</summary>
    public static byte[] FromVocabularyText(TokenizerFiles files)
    {
        var config = new TokenizerConfig(files);
        var vocabulary = new Dictionary<string, int>();
        var id = 0;
        foreach (var line in Lines(files, "vocab.txt"))
        {
            vocabulary[line] = id++;
        }
        var defaults = Defaults("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]");
        string Token(string role) => config.Token(role) ?? defaults[role];
        var path = files.PathOf("vocab.txt");
        var lowercase = config.Flag("do_lower_case", true);
        return Write(json =>
        {
            WriteAddedTokens(json, config.AddedTokens(vocabulary, defaults));
            WriteObject(json, "normalizer", "BertNormalizer", () =>
            {
                json.WriteBoolean("clean_text", true);
                json.WriteBoolean("handle_chinese_chars", config.Flag("tokenize_chinese_chars", true));
                json.WriteBoolean("strip_accents", config.Flag("strip_accents") ?? lowercase);
                json.WriteBoolean("lowercase", lowercase);
            });
            WriteObject(json, "pre_tokenizer", "BertPreTokenizer");
            WriteObject(json, "post_processor", "BertProcessing", () =>
            {
                WriteSpecial(json, "sep", Token("sep_token"), vocabulary, path);
                WriteSpecial(json, "cls", Token("cls_token"), vocabulary, path);
            });
            WriteObject(json, "decoder", "WordPiece");
            WriteObject(json, "model", "WordPiece", () =>
            {
                json.WriteString("unk_token", Token("unk_token"));
                WriteVocabulary(json, vocabulary);
            });
        });
    }

    /// <summary>From vocab.json and merges.txt: GPT-2, or RoBERTa where the vocabulary has its special tokens.</summary>
    public static byte[] FromMerges(TokenizerFiles files)
    {
        var config = new TokenizerConfig(files);
        var vocabulary = new Dictionary<string, int>(files.WithJson("vocab.json", Models.Vocabulary.Read)!.Ids);
        var roberta = !config.ClassName.StartsWith("GPT2", StringComparison.Ordinal)
            && vocabulary.ContainsKey("<s>") && vocabulary.ContainsKey("</s>");
        var defaults = roberta ? Defaults("<unk>", "</s>", "<pad>", "<s>", "<mask>")
            : new Dictionary<string, string> { ["eos_token"] = "<|endoftext|>", ["bos_token"] = "<|endoftext|>" };
        string Token(string role) => config.Token(role) ?? defaults[role];
        var path = files.PathOf("vocab.json");
        var prefix = config.Flag("add_prefix_space", false);
        return Write(json =>
        {
            WriteAddedTokens(json, config.AddedTokens(vocabulary, defaults));
            WriteObject(json, "pre_tokenizer", "ByteLevel", () => json.WriteBoolean("add_prefix_space", prefix));
            WriteObject(json, "decoder", "ByteLevel");
            WriteObject(json, "model", "BPE", () =>
            {
                WriteVocabulary(json, vocabulary);
                WriteMerges(json, files);
            });
            if (roberta)
            {
                WriteObject(json, "post_processor", "RobertaProcessing", () =>
                {
                    WriteSpecial(json, "sep", Token("sep_token"), vocabulary, path);
                    WriteSpecial(json, "cls", Token("cls_token"), vocabulary, path);
                    json.WriteBoolean("trim_offsets", true);
                    json.WriteBoolean("add_prefix_space", prefix);
                });
            }
            else if (config.Flag("add_bos_token", false))
            {
                WriteStartTemplate(json, Token("bos_token"), vocabulary, path);
            }
        });
    }

    private static void WriteStartTemplate(Utf8JsonWriter json, string start, Dictionary<string, int> vocabulary, string path)
    {
        var id = IdOf(start, vocabulary, path);
        WriteObject(json, "post_processor", "TemplateProcessing", () =>
        {
            foreach (var name in (string[])["single", "pair"])
            {
                json.WriteStartArray(name);
                WritePart(json, "SpecialToken", start, 0);
                WritePart(json, "Sequence", "A", 0);
                if (name == "pair")
                {
                    WritePart(json, "SpecialToken", start, 1);
                    WritePart(json, "Sequence", "B", 1);
                }
                json.WriteEndArray();
            }
            json.WriteStartObject("special_tokens");
            json.WriteStartObject(start);
            json.WriteStartArray("ids");
            json.WriteNumberValue(id);
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        });
    }

    private static void WriteMerges(Utf8JsonWriter json, TokenizerFiles files)
    {
        json.WriteStartArray("merges");
        var number = 0;
        foreach (var line in Lines(files, "merges.txt"))
        {
            number++;
            if (line.Length == 0 || number == 1 && line.StartsWith("#version", StringComparison.Ordinal))
            {
                continue;
            }
            if (line.Split(' ') is not [{ Length: > 0 } left, { Length: > 0 } right])
            {
                throw new PeftException($"{files.PathOf("merges.txt")}, line {number} is \"{line}\", expected two tokens with a space "
                    + "between; download the file again.");
            }
            json.WriteStartArray();
            json.WriteStringValue(left);
            json.WriteStringValue(right);
            json.WriteEndArray();
        }
        json.WriteEndArray();
    }

    private static Dictionary<string, string> Defaults(string unknown, string separator, string padding, string start, string mask) => new()
    {
        ["unk_token"] = unknown,
        ["sep_token"] = separator,
        ["pad_token"] = padding,
        ["cls_token"] = start,
        ["mask_token"] = mask,
    };

    private static IEnumerable<string> Lines(TokenizerFiles files, string name)
    {
        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(files.Find(name)!);
        }
        catch (DecoderFallbackException error)
        {
            throw new PeftException($"{files.PathOf(name)} is not UTF-8, expected a text file; download the file again.", error);
        }
        using var reader = new StringReader(text);
        while (reader.ReadLine() is { } line)
        {
            yield return line;
        }
    }
}
