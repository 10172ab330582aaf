using System.Text.Json;
using PeftSharp.Files;
using PeftSharp.Files.Gguf;
using PeftSharp.Files.Json;
using PeftSharp.Tokenization.Legacy;
using PeftSharp.Tokenization.SentencePiece;

namespace PeftSharp.Tokenization.Gguf;

/// <summary>Writes a tokenizer as the metadata of a GGUF file.</summary>
internal static class GgufTokenizerWriter
{
    private const string Prefix = "tokenizer.ggml.";

    /// <summary>Adds the metadata.</summary>
    /// <param name="tokenizer">The tokenizer; null for a model that reads token ids.</param>
    /// <param name="writer">Where it goes.</param>
    /// <param name="rows">Rows of the table of words: there is a token for each.</param>
    /// <exception cref="PeftException">llama.cpp has no tokenizer of this kind.</exception>
    public static void Add(Tokenizer? tokenizer, GgufWriter writer, int rows)
    {
        if (tokenizer is null)
        {
            writer.Add($"{Prefix}model", "no_vocab");
            return;
        }
        var files = tokenizer.Files;
        var config = new TokenizerConfig(files);
        // A Unigram is written of its SentencePiece file, which lies beside T5's tokenizer.json.
        if (TokenizerFiles.PieceModels.FirstOrDefault(name => files.Find(name) is not null) is { } pieces
            && (files.Find(TokenizerFiles.Json) is null || IsUnigram(files)))
        {
            AddPieces(SentencePieceFile.Read(files.PathOf(pieces), files.Find(pieces)), config, writer, rows);
        }
        else
        {
            files.WithJson(TokenizerFiles.Json, file => AddPipeline(file, config, writer, rows) ? writer : null);
        }
        AddEnds(tokenizer, config, writer);
        if (tokenizer.ChatTemplate is { } template)
        {
            writer.Add("tokenizer.chat_template", template.Source);
        }
    }

    private static bool IsUnigram(TokenizerFiles files) =>
        files.WithJson(TokenizerFiles.Json, file => file.Required("model").Optional("type")?.String()) == "Unigram";

    private static void AddEnds(Tokenizer tokenizer, TokenizerConfig config, GgufWriter writer)
    {
        var (start, end) = tokenizer.Steps.PostProcessor.Ends
            ?? throw new PeftException($"{config.File}: the tokenizer beside it puts several tokens at an end of a text, which llama.cpp "
                + "cannot; keep the model in Hugging Face's layout.");
        writer.Add($"{Prefix}add_bos_token", start is not null);
        writer.Add($"{Prefix}add_eos_token", end is not null);
        int? Named(string role) => config.Token(role) is { } token ? tokenizer.TokenToId(token) : null;
        var unknown = tokenizer.Files.WithJson(TokenizerFiles.Json, file => file.Required("model").Optional("unk_token")?.String());
        int?[] ids = [start ?? Named("bos_token"), end ?? Named("eos_token"), Named("unk_token")
            ?? (unknown is null ? null : tokenizer.TokenToId(unknown)), Named("pad_token")];
        foreach (var (id, key) in ids.Zip(["bos", "eos", "unknown", "padding"]))
        {
            if (id is { } known)
            {
                writer.Add($"{Prefix}{key}_token_id", known);
            }
        }
    }

    private static void AddPieces(SentencePieceFile file, TokenizerConfig config, GgufWriter writer, int rows)
    {
        var tokens = file.Pieces.ToList();
        foreach (var token in config.AddedTokens(new Dictionary<string, int>(), new Dictionary<string, string>()))
        {
            if (token.Id >= rows) throw TooMany(config, token, rows);
            Put(tokens, token.Id, new(token.Content, -1000, token.Special ? PieceKind.Control : PieceKind.UserDefined));
        }
        writer.Add($"{Prefix}model", file.IsBpe ? "llama" : "t5");
        AddTokens(tokens, writer, rows, withScores: true);
        writer.Add($"{Prefix}add_space_prefix", file.AddsSpace);
        writer.Add($"{Prefix}remove_extra_whitespaces", file.RemovesSpaces);
        if (file.ReplacementBytes.Length > 0)
        {
            writer.Add($"{Prefix}precompiled_charsmap", file.ReplacementBytes);
        }
    }

    private static bool AddPipeline(JsonField file, TokenizerConfig config, GgufWriter writer, int rows)
    {
        var model = file.Required("model");
        if (model.Optional("type")?.String() is not "BPE" and var kind)
        {
            throw new PeftException($"{config.File}: the tokenizer beside it is {kind ?? "of an old kind"}, and llama.cpp reads BPE from "
                + "such files; keep the model in Hugging Face's layout.");
        }
        var tokens = new List<ScoredPiece>();
        foreach (var (token, id) in model.Required("vocab").Members())
        {
            Put(tokens, id.Int(rows - 1), new(token, 0, PieceKind.Normal));
        }
        var inBytes = GgufByteLevel.DivisionOf(file);
        var merges = model.Required("merges").Items().Select(Merge).ToList();
        if (inBytes is null)
        {
            Score(tokens, merges);
        }
        foreach (var token in (file.Optional("added_tokens")?.Items() ?? []).Select(AddedToken.Read)
            .Concat(config.DescribedTokens().Select(entry => entry.Token)))
        {
            Put(tokens, token.Id < rows ? token.Id : throw TooMany(config, token, rows),
                new(token.Content, 0, token.Special ? PieceKind.Control : PieceKind.UserDefined));
        }
        writer.Add($"{Prefix}model", inBytes is null ? "llama" : "gpt2");
        if (inBytes is not null)
        {
            writer.Add($"{Prefix}pre", inBytes);
        }
        AddTokens(tokens, writer, rows, withScores: inBytes is null);
        if (inBytes is not null)
        {
            writer.Add($"{Prefix}merges", merges.Select(merge => $"{merge.Left} {merge.Right}").ToList());
        }
        else
        {
            writer.Add($"{Prefix}add_space_prefix", HasPrefix(file));
        }
        return true;
    }

    // SentencePiece merges the piece of the highest score: the earliest merge.
    private static void Score(List<ScoredPiece> tokens, List<(string Left, string Right)> merges)
    {
        var ids = tokens.Select((token, id) => (token.Text, id)).DistinctBy(entry => entry.Text)
            .ToDictionary(entry => entry.Text, entry => entry.id);
        for (var id = 0; id < tokens.Count; id++)
        {
            tokens[id] = tokens[id] with
            {
                Score = -merges.Count - 1,
                Kind = Models.ByteTokens.TryParse(tokens[id].Text, out _)
                ? PieceKind.Byte : tokens[id].Kind
            };
        }
        for (var rank = merges.Count - 1; rank >= 0; rank--)
        {
            if (ids.TryGetValue(merges[rank].Left + merges[rank].Right, out var id))
            {
                tokens[id] = tokens[id] with { Score = -rank };
            }
        }
        if (ids.TryGetValue("<unk>", out var unknown))
        {
            tokens[unknown] = tokens[unknown] with { Kind = PieceKind.Unknown };
        }
    }

    private static void AddTokens(List<ScoredPiece> tokens, GgufWriter writer, int rows, bool withScores)
    {
        if (tokens.Count > rows)
        {
            throw new PeftException($"The tokenizer has {tokens.Count:N0} tokens, but the model's table of words has {rows:N0} rows; take "
                + "the tokenizer that belongs to the model.");
        }
        for (var id = 0; id < rows; id++)
        {
            if (id == tokens.Count || tokens[id].Text is null)
            {
                Put(tokens, id, new($"[PAD{id}]", 0, PieceKind.Unused));
            }
        }
        writer.Add($"{Prefix}tokens", tokens.Select(token => token.Text).ToList());
        if (withScores)
        {
            writer.Add($"{Prefix}scores", tokens.Select(token => token.Score).ToList());
        }
        writer.Add($"{Prefix}token_type", tokens.Select(token => (int)token.Kind).ToList());
    }

    private static void Put(List<ScoredPiece> tokens, int id, ScoredPiece token)
    {
        while (tokens.Count <= id)
        {
            tokens.Add(default);
        }
        tokens[id] = token;
    }

    private static (string Left, string Right) Merge(JsonField merge)
    {
        if (merge.Element.ValueKind != JsonValueKind.Array)
        {
            var line = merge.String();
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            return (line[..space], line[(space + 1)..]);
        }
        var parts = merge.Items().Select(part => part.String()).ToList();
        return (parts[0], parts[1]);
    }

    private static bool HasPrefix(JsonField file)
    {
        bool Prepends(JsonField step) => step.Required("type").String() switch
        {
            "Prepend" => true,
            "Sequence" => (step.Optional("normalizers") ?? step.Optional("pretokenizers"))?.Items().Any(Prepends) == true,
            "Metaspace" => PreTokenizers.PreTokenizerReader.ReadMetaspace(step).Prepends,
            _ => false,
        };
        return file.Optional("normalizer") is { } normalizer && Prepends(normalizer) || file.Optional("pre_tokenizer") is { } splitter
            && Prepends(splitter);
    }

    private static PeftException TooMany(TokenizerConfig config, AddedToken token, int rows) =>
        new($"{config.File}: the tokenizer beside it gives {Quoted.Name(token.Content)} the id {token.Id}, but the model's table of words "
            + $"has {rows:N0} rows; take the tokenizer that belongs to the model.");
}
