using System.Text.Json;

namespace PeftSharp.Files;

/// <summary><c>modules.json</c> of a folder in the layout of sentence-transformers: a transformer, a pooling, and what follows.</summary>
/// <param name="Dense">Folders of the linear maps behind the pooling, in their order, relative.</param>
/// <param name="Pooling">Name of the pooling (<c>mean</c>, <c>cls</c> …); null where there is none.</param>
/// <param name="Others">Kinds of the modules that are none of these, such as <c>Normalize</c>.</param>
internal sealed record SentenceModules(IReadOnlyList<string> Dense, string? Pooling, IReadOnlyList<string> Others)
{
    public const string FileName = "modules.json";

    private const int MostBytes = 1 << 20, MostModules = 64;

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 8, AllowDuplicateProperties = false };

    /// <summary>Reads the file; null if the folder has none.</summary>
    /// <exception cref="PeftException">It is damaged, or leads out of the folder.</exception>
    public static SentenceModules? TryRead(string folder)
    {
        var file = Path.Combine(folder, FileName);
        if (!File.Exists(file)) return null;
        var (dense, others) = (new List<string>(), new List<string>());
        string? pooling = null;
        using var document = Read(file);
        if (document.RootElement is not { ValueKind: JsonValueKind.Array } list || list.GetArrayLength() > MostModules)
            throw Bad(file, $"holds no list of at most {MostModules} modules");
        foreach (var module in list.EnumerateArray())
        {
            var (kind, path) = (Text(module, "type", file).Split('.')[^1], Text(module, "path", file));
            if (path.Length > 0 && !IsInside(path))
                throw Bad(file, $"names the module folder {Quoted.Name(path)}, which does not lie in its own");
            if (kind == "Dense") dense.Add(path);
            else if (kind == "Pooling") pooling = PoolingOf(Path.Combine(folder, path, "config.json"));
            else if (kind != "Transformer") others.Add(kind);
        }
        return new(dense, pooling, others);
    }

    // Newer files name the mode, older ones have a flag for each.
    private static string? PoolingOf(string file)
    {
        if (!File.Exists(file)) return null;
        using var document = Read(file);
        if (document.RootElement.ValueKind != JsonValueKind.Object) throw Bad(file, "holds no JSON object");
        if (document.RootElement.TryGetProperty("pooling_mode", out var named) && named.ValueKind == JsonValueKind.String)
            return named.GetString();
        var modes = document.RootElement.EnumerateObject()
            .Where(p => p.Value.ValueKind == JsonValueKind.True && p.Name.StartsWith("pooling_mode_", StringComparison.Ordinal))
                .Select(p => p.Name["pooling_mode_".Length..])
                .ToList();
        return modes switch
        {
            ["mean_tokens"] => "mean",
            ["cls_token"] => "cls",
            _ => string.Join('+', modes),
        };
    }

    private static JsonDocument Read(string file)
    {
        try
        {
            if (FileSize.Of(file) > MostBytes) throw Bad(file, $"has more than {MostBytes >> 20} MB");
            return JsonDocument.Parse(File.ReadAllText(file), Strict);
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new PeftException(
                $"{file} could not be read as JSON ({e.Message.Split(". ")[0].TrimEnd('.')}); download the folder again.", e);
        }
    }

    private static string Text(JsonElement module, string field, string file)
    {
        try
        {
            if (
                module.ValueKind == JsonValueKind.Object
                    && module.TryGetProperty(field, out var value)
                    && value.ValueKind == JsonValueKind.String)
                return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            // a lone surrogate
        }
        throw Bad(file, $"has a module without a text \"{field}\"");
    }

    private static bool IsInside(string path) =>
        !Path.IsPathRooted(path) && !path.Contains('\\') && !path.Contains(':')
            && path.Split('/').All(part => part.Length > 0 && part is not ("." or ".."));

    private static PeftException Bad(string file, string what) => new($"{file} {what}; download the folder again.");
}
