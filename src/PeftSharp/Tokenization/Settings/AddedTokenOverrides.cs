using System.Text.Json;
using PeftSharp.Files.Json;
using PeftSharp.Tokenization.Legacy;

namespace PeftSharp.Tokenization.Settings;

/// <summary>The added tokens of tokenizer.json with those that tokenizer_config.json names besides or describes otherwise.</summary>
internal sealed class AddedTokenOverrides
{
    private readonly TokenizerConfig config;
    private readonly Dictionary<string, AddedToken> added = [];
    private readonly List<string> order = [];
    private readonly Lazy<Dictionary<string, int>> ids;
    private int next;
    private bool changed;

    public AddedTokenOverrides(TokenizerConfig config, JsonField file)
    {
        this.config = config;
        foreach (var item in file.Optional("added_tokens")?.Items() ?? [])
        {
            var token = AddedToken.Read(item);
            if (added.TryAdd(token.Content, token))
            {
                order.Add(token.Content);
            }
        }
        var vocabulary = file.Optional("model")?.Optional("vocab")?.Element ?? default;
        ids = new(() => ReadIds(vocabulary));
        next = 1 + added.Values.Select(token => token.Id).Concat(LargestId()).DefaultIfEmpty(-1).Max();
        foreach (var (id, token) in config.DescribedTokens())
        {
            Take(token, id);
        }
        // A role that no token of the vocabulary has is never met in a text; a token that was added for a task is.
        foreach (var token in config.SpecialTokens().Where(token => IdOf(token.Content) is not null).Concat(config.MoreSpecialTokens()))
        {
            if (!added.ContainsKey(token.Content))
            {
                Take(token, null);
            }
        }
    }

    /// <summary>Notes what to write instead of <c>added_tokens</c>, if anything differs.</summary>
    public void Register(Dictionary<string, Action<Utf8JsonWriter>> changes)
    {
        if (changed)
        {
            changes["added_tokens"] = json =>
                PipelineJson.WriteTokens(json, [.. order.Select(content => added[content]).OrderBy(token => token.Id)]);
        }
    }

    private IEnumerable<int> LargestId() => ids.Value.Values.DefaultIfEmpty(-1);

    private int? IdOf(string content) => added.TryGetValue(content, out var token) ? token.Id
        : ids.Value.TryGetValue(content, out var id) ? id : null;

    // An object of tokens with their ids, or the list of a Unigram model.
    private static Dictionary<string, int> ReadIds(JsonElement vocabulary)
    {
        var found = new Dictionary<string, int>();
        if (vocabulary.ValueKind == JsonValueKind.Object)
        {
            foreach (var entry in vocabulary.EnumerateObject())
            {
                if (entry.Value.ValueKind == JsonValueKind.Number && entry.Value.TryGetInt32(out var id))
                {
                    found[entry.Name] = id;
                }
            }
        }
        else if (vocabulary.ValueKind == JsonValueKind.Array)
        {
            var id = 0;
            foreach (var item in vocabulary.EnumerateArray())
            {
                if (item.ValueKind == JsonValueKind.Array && item.GetArrayLength() > 0 && item[0].ValueKind == JsonValueKind.String)
                {
                    found[item[0].GetString()!] = id;
                }
                id++;
            }
        }
        return found;
    }

    private void Take(AddedToken token, int? declared)
    {
        var id = IdOf(token.Content) ?? next;
        if (declared is { } wanted && wanted != id)
        {
            throw new PeftException($"{config.File}: added_tokens_decoder gives \"{token.Content}\" the id {wanted}, but tokenizer.json "
                + "beside it "
                + $"{(id == next ? $"has no such token, and its next free id is {id}" : $"gives it {id}")}; take both files from the same "
                    + "model.");
        }
        next = Math.Max(next, id + 1);
        Put(token with { Id = id });
    }

    private void Put(AddedToken token)
    {
        if (!added.TryGetValue(token.Content, out var known))
        {
            order.Add(token.Content);
        }
        changed |= known != token;
        added[token.Content] = token;
    }
}
