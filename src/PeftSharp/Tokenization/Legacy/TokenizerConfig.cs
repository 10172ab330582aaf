using System.Text.Json;
using PeftSharp.Files.Json;

namespace PeftSharp.Tokenization.Legacy;

/// <summary>What tokenizer_config.json and special_tokens_map.json say; both may be missing.</summary>
internal sealed class TokenizerConfig(TokenizerFiles files)
{
    private const string ConfigName = "tokenizer_config.json";

    private static readonly string[] roles = ["unk_token", "bos_token", "eos_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    /// <summary>Where the file is, or would be.</summary>
    public string File { get; } = files.PathOf(ConfigName);

    /// <summary>True if there is a tokenizer_config.json.</summary>
    public bool Exists { get; } = files.Find(ConfigName) is not null;

    /// <summary>The class that the tokenizer had in Python; empty if it isn't told.</summary>
    public string ClassName { get; } = Read(files, "tokenizer_class", field => field.String()) ?? "";

    /// <summary>The text of a special token such as <c>pad_token</c>, or null.</summary>
    public string? Token(string role) => Read(files, role, TokenText) ?? files.WithJson("special_tokens_map.json",
        file => file.Optional(role) is { } token ? TokenText(token) : null);

    /// <summary>A switch, or its default.</summary>
    public bool Flag(string name, bool whenMissing) =>
        files.WithJson(ConfigName, file => (bool?)file.Flag(name, whenMissing)) ?? whenMissing;

    /// <summary>A switch that may be unset.</summary>
    public bool? Flag(string name) =>
        files.WithJson(ConfigName, file => file.Optional(name) is null ? null : (bool?)file.Flag(name, false));

    /// <summary>True if the field is there, be it null.</summary>
    public bool Has(string name) => files.WithJson(ConfigName, file => (bool?)file.Element.TryGetProperty(name, out _)) == true;

    /// <summary>A text, or null.</summary>
    public string? Text(string name) => Read(files, name, field => field.String());

    /// <summary>A length in tokens; null where there is none, or a number so large that it stands for none (1e30).</summary>
    /// <exception cref="PeftException">It is no number, or less than 1.</exception>
    public int? Length(string name) => files.WithJson(ConfigName, file => file.Optional(name) is { } field ? Tokens(field) : null);

    /// <summary>A list of texts, or null.</summary>
    public IReadOnlyList<string>? Texts(string name) => files.WithJson(ConfigName,
        file => file.Optional(name) is { } list ? (List<string>)[.. list.Items().Select(item => item.String())] : null);

    /// <summary>The tokens of <c>added_tokens_decoder</c> with the ids that it gives them, in their order.</summary>
    public IReadOnlyList<(int Id, AddedToken Token)> DescribedTokens() => files.WithJson(ConfigName,
        file => (List<(int, AddedToken)>)[.. (file.Optional("added_tokens_decoder")?.Members() ?? []).Select(Described)
            .OrderBy(entry => entry.Id)]) ?? [];

    /// <summary>The special tokens that have a role.</summary>
    public IReadOnlyList<AddedToken> SpecialTokens() =>
        [.. roles.Select(Token).OfType<string>().Distinct()
            .Select(text => new AddedToken(0, text, false, text == "<mask>", false, false, true))];

    /// <summary>Special tokens without a role, under the old and the new name of the field.</summary>
    public IReadOnlyList<AddedToken> MoreSpecialTokens() =>
        [.. new[] { "additional_special_tokens", "extra_special_tokens" }.SelectMany(name =>
            files.WithJson(ConfigName, file => More(file, name))
            ?? (name == "additional_special_tokens" ? files.WithJson("special_tokens_map.json", file => More(file, name)) : null) ?? [])];

    private static List<AddedToken>? More(JsonField file, string name)
    {
        if (file.Optional(name) is not { } field)
        {
            return null;
        }
        var items = field.Element.ValueKind == JsonValueKind.Object ? field.Members().Select(member => member.Value) : field.Items();
        return [.. items.Select(item => item.Element.ValueKind == JsonValueKind.Object
            ? Description(item) with { Special = true, Normalized = item.Flag("normalized", false) }
            : new AddedToken(0, item.String(), false, false, false, false, true))];
    }

    private static AddedToken Description(JsonField token)
    {
        var special = token.Flag("special", false);
        return new AddedToken(0, token.Required("content").String(), token.Flag("single_word", false), token.Flag("lstrip", false),
            token.Flag("rstrip", false), token.Flag("normalized", !special), special);
    }

    private static (int Id, AddedToken Token) Described((string Key, JsonField Token) entry)
    {
        if (!int.TryParse(entry.Key, out var id) || id is < 0 or > Models.Vocabulary.LargestId)
        {
            throw entry.Token.Error($"under the id \"{entry.Key}\"", $"an id from 0 to {Models.Vocabulary.LargestId}", "correct it");
        }
        return (id, Description(entry.Token) with { Id = id });
    }

    /// <summary>Special tokens by role, or their defaults; then all that were added by hand.</summary>
    public IReadOnlyList<AddedToken> AddedTokens(IReadOnlyDictionary<string, int> vocabulary, IReadOnlyDictionary<string, string> defaults)
    {
        var added = new Dictionary<string, AddedToken>();
        foreach (var role in roles)
        {
            if ((Token(role) ?? defaults.GetValueOrDefault(role)) is { } text && vocabulary.TryGetValue(text, out var id))
            {
                // RoBERTa's <mask> stands for a word with its space.
                var strip = role == "mask_token" && text == "<mask>";
                added.TryAdd(text, new AddedToken(id, text, false, strip, false, false, true));
            }
        }
        files.WithJson("added_tokens.json", file =>
        {
            foreach (var (text, id) in file.Members())
            {
                added.TryAdd(text, new AddedToken(id.Int(Models.Vocabulary.LargestId), text, false, false, false, true, false));
            }
            return added;
        });
        foreach (var (_, token) in DescribedTokens())
        {
            added[token.Content] = token;
        }
        return [.. added.Values.OrderBy(token => token.Id)];
    }

    private static int? Tokens(JsonField field)
    {
        if (field.Element.ValueKind != JsonValueKind.Number || !field.Element.TryGetDouble(out var length) || length < 1)
        {
            throw field.Error(field.Describe(), "a number of tokens, at least 1", "correct it");
        }
        return length <= int.MaxValue ? (int)length : null;
    }

    private static string? Read(TokenizerFiles files, string name, Func<JsonField, string?> read) =>
        files.WithJson(ConfigName, file => file.Optional(name) is { } field ? read(field) : null);

    private static string TokenText(JsonField field) => field.Element.ValueKind == JsonValueKind.Object
        ? field.Required("content").String() : field.String();
}
