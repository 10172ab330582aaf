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
