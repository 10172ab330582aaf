using System.Text.Json.Nodes;
using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Tokenization;

/// <summary>A WordPiece tokenizer small enough to read, to change for a test.</summary>
internal static class TinyTokenizer
{
    public const string Json = """
        {
          "added_tokens": [{ "id": 0, "content": "[UNK]", "special": true }],
          "normalizer": { "type": "BertNormalizer", "lowercase": true },
          "pre_tokenizer": { "type": "BertPreTokenizer" },
          "post_processor": { "type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1] },
          "decoder": { "type": "WordPiece" },
          "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "vocab": { "[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "##b": 4, "c": 5, "!": 6, "<x>": 7 }
          }
        }
        """;

    /// <summary>Loads the tokenizer after a change.</summary>
    public static Tokenizer Load(Action<JsonObject>? change = null) => LoadText(Changed(change));

    /// <summary>Loads any text as tokenizer.json.</summary>
    public static Tokenizer LoadText(string json)
    {
        using var folder = new TempFolder().Write("tokenizer.json", json);
        return Tokenizer.Load(folder.Path);
    }

    /// <summary>The file after a change.</summary>
    public static string Changed(Action<JsonObject>? change)
    {
        var json = JsonNode.Parse(Json)!.AsObject();
        change?.Invoke(json);
        return json.ToJsonString();
    }
}
