using System.Text.Json;

namespace PeftSharp.Tokenization.Legacy;

/// <summary>What tokenizer_config.json and special_tokens_map.json say; both may be missing.</summary>
internal sealed class TokenizerConfig(TokenizerFiles files)
{
    private static readonly string[] roles = ["unk_token", "bos_token", "eos_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    /// <summary>The class that the tokenizer had in Python; empty if it isn't told.</summary>
    public string ClassName { get; } = Read(files, "tokenizer_class", field => field.String()) ?? "";

    /// <summary>The text of a special token such as <c>pad_token</c>, or null.</summary>
    public string? Token(string role) => Read(files, role, TokenText) ?? files.WithJson("special_tokens_map.json",
        file => file.Optional(role) is { } token ? TokenText(token) : null);

    /// <summary>A switch, or its default.</summary>
    public bool Flag(string name, bool whenMissing) =>
        files.WithJson("tokenizer_config.json", file => (bool?)file.Flag(name, whenMissing)) ?? whenMissing;

    /// <summary>A switch that may be unset.</summary>
    public bool? Flag(string name) =>
        files.WithJson("tokenizer_config.json", file => file.Optional(name) is null ? null : (bool?)file.Flag(name, false));

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
        files.WithJson("tokenizer_config.json", file =>
        {
            foreach (var (key, token) in file.Optional("added_tokens_decoder")?.Members() ?? [])
            {
                if (!int.TryParse(key, out var id) || id is < 0 or > Models.Vocabulary.LargestId)
                {
                    throw token.Error($"under the id \"{key}\"", $"an id from 0 to {Models.Vocabulary.LargestId}", "correct it");
                }
                var special = token.Flag("special", false);
                var text = token.Required("content").String();
                added[text] = new AddedToken(id, text, token.Flag("single_word", false), token.Flag("lstrip", false),
                    token.Flag("rstrip", false), token.Flag("normalized", !special), special);
            }
            return added;
        });
        return [.. added.Values.OrderBy(token => token.Id)];
    }

    private static string? Read(TokenizerFiles files, string name, Func<JsonField, string?> read) =>
        files.WithJson("tokenizer_config.json", file => file.Optional(name) is { } field ? read(field) : null);

    private static string TokenText(JsonField field) => field.Element.ValueKind == JsonValueKind.Object
        ? field.Required("content").String() : field.String();
}
