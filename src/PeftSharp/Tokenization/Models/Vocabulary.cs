using System.Text.Json;
using PeftSharp.Files.Json;

namespace PeftSharp.Tokenization.Models;

/// <summary>Tokens and their ids.</summary>
internal sealed class Vocabulary
{
    /// <summary>No published tokenizer comes near it; a larger id would only make us allocate.</summary>
    public const int LargestId = (1 << 22) - 1;

    private readonly Dictionary<string, int> ids = [];
    private readonly List<string?> tokens = [];

    /// <summary>One more than the largest id.</summary>
    public int Size => tokens.Count;

    /// <summary>Tokens with their ids.</summary>
    public IReadOnlyDictionary<string, int> Ids => ids;

    /// <summary>Reads the <c>vocab</c> object of a model.</summary>
    public static Vocabulary Read(JsonField field)
    {
        var vocabulary = new Vocabulary();
        foreach (var (token, id) in field.Members())
        {
            vocabulary.Add(token, id.Int(LargestId));
        }
        return vocabulary;
    }

    // At every place of a text, tokens are followed as far as they go.
    private const int LongestScored = 1000;

    /// <summary>Reads the <c>vocab</c> list of a Unigram model: each token with its score, the id being its place.</summary>
    public static Vocabulary ReadScored(JsonField field, out double[] scores)
    {
        var vocabulary = new Vocabulary();
        var found = new List<double>();
        foreach (var item in field.Items(LargestId + 1))
        {
            if (item.Items().Take(3).ToArray() is not [var token, { Element.ValueKind: JsonValueKind.Number } score])
            {
                throw item.Error(item.Describe(), "a token and its score", "download the file again");
            }
            if (token.String().Length > LongestScored)
            {
                throw token.Error($"a text of {token.String().Length:N0} characters", $"at most {LongestScored:N0}",
                    "download the file again");
            }
            vocabulary.Add(token.String(), found.Count);
            found.Add(score.Element.GetDouble());
        }
        scores = found.Count > 0 ? [.. found] : throw field.Error("empty", "tokens with their scores", "download the file again");
        return vocabulary;
    }

    /// <summary>Adds a token, or moves it to another id.</summary>
    public void Add(string token, int id)
    {
        ids[token] = id;
        while (tokens.Count <= id)
        {
            tokens.Add(null);
        }
        tokens[id] = token;
    }

    /// <summary>The id of a token, or -1.</summary>
    public int IdOf(string token) => ids.GetValueOrDefault(token, -1);

    /// <summary>The token of an id, or null.</summary>
    public string? TokenOf(int id) => (uint)id < (uint)tokens.Count ? tokens[id] : null;
}
