using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Models;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Runs.Estimates.Shapes;

/// <summary>A configuration of Llama's kind from a few numbers, where there is no config.json.</summary>
public static class NumbersConfig
{
    // The name that people give a number, and the field.
    private static readonly (string Name, string Field, bool IsNeeded)[] Numbers =
    [
        ("layers", "num_hidden_layers", true), ("width", "hidden_size", true), ("heads", "num_attention_heads", true),
        ("kv_heads", "num_key_value_heads", false), ("inner", "intermediate_size", true), ("vocabulary", "vocab_size", true),
        ("tied", "tie_word_embeddings", false),
    ];

    /// <summary>The names that a text may give.</summary>
    public static string Names => string.Join(", ", Numbers.Select(n => n.IsNeeded ? n.Name : $"[{n.Name}]"));

    /// <summary>Reads <c>layers=32,width=4096,heads=32,inner=11008,vocabulary=32000</c>, with <c>kv_heads=8</c> or <c>tied=1</c>.</summary>
    /// <exception cref="PeftException">A number is missing, unknown or none.</exception>
    public static ModelConfig Read(string text)
    {
        var json = new JsonObject
        {
            ["model_type"] = "llama",
            ["architectures"] = new JsonArray("LlamaForCausalLM"),
            ["max_position_embeddings"] = 1 << 20,
        };
        foreach (var part in Values.List(text))
        {
            var pair = part.Split('=', 2, StringSplitOptions.TrimEntries);
            var known = Numbers.FirstOrDefault(n => n.Name == pair[0]);
            if (known.Name is null)
                throw new PeftException($"The numbers of the model hold {Quoted.Name(pair[0])}; expected NAME=NUMBER of {Names}.");
            if (pair.Length < 2 || !int.TryParse(pair[1], NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                throw new PeftException($"The numbers of the model hold {Quoted.Name(part)}; expected {pair[0]}=NUMBER, a whole number.");
            json[known.Field] = known.Name == "tied" ? number != 0 : number;
        }
        var missing = Numbers.Where(n => n.IsNeeded && json[n.Field] is null).Select(n => n.Name).ToList();
        return missing.Count == 0 ? ModelConfig.From(json, "the numbers of the model")
            : throw new PeftException($"The numbers of the model lack {string.Join(", ", missing)}; give {Names}.");
    }
}
