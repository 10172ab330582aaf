using System.Text.Json.Serialization;

namespace PeftSharp.Methods;

/// <summary>
/// Names of modules as peft accepts them: a list of names (a whole path or its end), or one text that is a regular expression or a keyword.
/// </summary>
[JsonConverter(typeof(TargetsConverter))]
public sealed record Targets
{
    private readonly PathPatterns? _pattern;

    /// <summary>Modules by name.</summary>
    public Targets(IReadOnlyList<string> names) => Names = names;

    /// <summary>Modules whose whole path matches a regular expression; or a keyword such as <c>all-linear</c>.</summary>
    /// <exception cref="PeftException">The text is not a regular expression.</exception>
    public Targets(string text)
    {
        Text = text;
        _pattern = new PathPatterns("");
        _pattern.Find("a pattern of modules", $"^(?:{text})$", "");
    }

    /// <summary>The list of names, if it is one.</summary>
    public IReadOnlyList<string>? Names { get; }

    /// <summary>The single text, if it is one.</summary>
    public string? Text { get; }

    /// <summary>True for peft's keyword <c>all-linear</c>.</summary>
    public bool IsAllLinear => string.Equals(Text, "all-linear", StringComparison.OrdinalIgnoreCase);

    /// <summary>True if the module of this path is meant.</summary>
    public bool Match(string path)
    {
        if (Names is not null)
            return Names.Any(n => path.EndsWith(n, StringComparison.Ordinal) && (path.Length == n.Length || path[^(n.Length + 1)] == '.'));
        return _pattern!.Find("a pattern of modules", $"^(?:{Text})$", path).Success;
    }

    /// <summary>
    /// True if the module, or one that it lies in, is meant by a name under <c>modules_to_save</c>. As in peft any path that ends in the
    /// name is meant: "classifier" means DistilBERT's <c>pre_classifier</c> too.
    /// </summary>
    public static bool IsSavedModule(string path, string name)
    {
        for (var end = path.Length; end > 0; end = path.LastIndexOf('.', end - 1))
            if (path.AsSpan(0, end).EndsWith(name, StringComparison.Ordinal)) return true;
        return false;
    }

    /// <inheritdoc/>
    public override string ToString() => Text ?? string.Join(", ", Names!);
}
