using System.Text.Json;
using PeftSharp.Files.Gguf;
using PeftSharp.Tokenization.Legacy;
using PeftSharp.Tokenization.Models;
using PeftSharp.Tokenization.SentencePiece;

namespace PeftSharp.Tokenization.Gguf;

/// <summary>The tokenizer files that the metadata of a GGUF file stands for, so that one reader serves all.</summary>
internal static class GgufTokenizerFiles
{
    private const string Prefix = "tokenizer.ggml.";

    private static readonly string[] roles = ["bos", "eos", "unknown", "padding"];

    /// <summary>Whether a file has a tokenizer.</summary>
    public static bool Are(string path)
    {
        using var file = GgufFile.Open(path);
        return file.Metadata.Has($"{Prefix}tokens");
    }

    /// <summary>The files by name; empty if the file has no tokenizer.</summary>
    /// <exception cref="PeftException">The tokenizer is damaged, or of a kind that can't be read.</exception>
    public static Dictionary<string, byte[]> Of(string path)
    {
        using var file = GgufFile.Open(path);
        var metadata = file.Metadata;
        var kind = metadata.Text($"{Prefix}model");
        if (kind is null or "no_vocab" or "none")
        {
            return [];
        }
        var tokens = Tokens(metadata);
        var files = new Dictionary<string, byte[]>
        {
            ["tokenizer_config.json"] = Config(metadata, tokens, isBytes: kind == "gpt2"),
        };
        switch (kind)
        {
            case "gpt2":
                files[TokenizerFiles.Json] = GgufByteLevel.Pipeline(metadata, tokens);
                break;
            case "llama" or "t5":
                files[TokenizerFiles.PieceModels[0]] = PieceModel(metadata, tokens, isBpe: kind == "llama");
                break;
            default:
                throw metadata.Wrong($"{Prefix}model", "gpt2 (BPE over bytes), llama or t5 (SentencePiece)");
        }
        return files;
    }

    private static List<ScoredPiece> Tokens(GgufMetadata metadata)
    {
        var texts = metadata.Texts($"{Prefix}tokens") ?? throw metadata.Missing($"{Prefix}tokens");
        var scores = metadata.Numbers($"{Prefix}scores");
        var kinds = metadata.Ints($"{Prefix}token_type");
        if (texts.Length is 0 or > Vocabulary.LargestId)
        {
            throw metadata.Wrong($"{Prefix}tokens", $"1 to {Vocabulary.LargestId:N0} tokens");
        }
        foreach (var (key, length) in new[] { ("scores", scores?.Length), ("token_type", kinds?.Length) })
        {
            if (length is { } count && count != texts.Length)
            {
                throw metadata.Wrong($"{Prefix}{key}", $"one for each of the {texts.Length:N0} tokens");
            }
        }
        var tokens = new List<ScoredPiece>(texts.Length);
        for (var id = 0; id < texts.Length; id++)
        {
            var kind = kinds is null ? PieceKind.Normal : (PieceKind)kinds[id];
            if (!Enum.IsDefined(kind))
            {
                throw metadata.Wrong($"{Prefix}token_type", $"1 to 6 (of token {id} it is {kinds![id]})");
            }
            // A place without a token.
            tokens.Add(texts[id].Length == 0 ? new($"[PAD{id}]", 0, PieceKind.Unused) : new(texts[id], (float)(scores?[id] ?? 0), kind));
        }
        return tokens;
    }

    private static byte[] Config(GgufMetadata metadata, List<ScoredPiece> tokens, bool isBytes) => PipelineJson.Write(json =>
    {
        foreach (var role in roles)
        {
            if (metadata.Int($"{Prefix}{role}_token_id", tokens.Count - 1) is { } id)
            {
                json.WriteString(role switch { "unknown" => "unk_token", "padding" => "pad_token", _ => $"{role}_token" }, tokens[id].Text);
            }
        }
        if (metadata.Text("tokenizer.chat_template") is { } template)
        {
            json.WriteString("chat_template", template);
        }
        // Of bytes, tokenizer.json says all of this itself.
        if (isBytes)
        {
            return;
        }
        foreach (var name in (ReadOnlySpan<string>)["add_bos_token", "add_eos_token"])
        {
            if (metadata.Flag($"{Prefix}{name}") is { } flag)
            {
                json.WriteBoolean(name, flag);
            }
        }
        json.WriteStartObject("added_tokens_decoder");
        var seen = new HashSet<string>();
        for (var id = 0; id < tokens.Count; id++)
        {
            if (tokens[id].Kind == PieceKind.Control && seen.Add(tokens[id].Text))
            {
                json.WriteStartObject(id.ToString(System.Globalization.CultureInfo.InvariantCulture));
                json.WriteString("content", tokens[id].Text);
                json.WriteBoolean("special", true);
                json.WriteEndObject();
            }
        }
        json.WriteEndObject();
    });

    private static byte[] PieceModel(GgufMetadata metadata, List<ScoredPiece> tokens, bool isBpe)
    {
        var unknown = metadata.Int($"{Prefix}unknown_token_id", tokens.Count - 1) ?? 0;
        // Files of some converters call the unknown token a control token.
        var pieces = tokens.Select((token, id) => id == unknown ? token with { Kind = PieceKind.Unknown } : token.Kind == PieceKind.Unknown
            ? token with { Kind = PieceKind.Control } : token);
        return ProtoWriter.Model([.. pieces], isBpe, tokens.Any(token => token.Kind == PieceKind.Byte),
            metadata.Ints($"{Prefix}precompiled_charsmap") is { } map ? [.. map.Select(value => (byte)value)] : [],
            metadata.Flag($"{Prefix}add_space_prefix") ?? true, metadata.Flag($"{Prefix}remove_extra_whitespaces") ?? !isBpe);
    }
}
