using PeftSharp.Files;

namespace PeftSharp.Models;

/// <summary>Finds a base model's tensors in a checkpoint, whatever stands before their names and however it calls its norms.</summary>
/// <param name="checkpoint">The checkpoint.</param>
/// <param name="prefix">The architecture's own prefix, for example <c>bert.</c>.</param>
internal sealed class CheckpointNames(Checkpoint checkpoint, string prefix)
{
    private const string Words = "embeddings.word_embeddings.weight";

    private static readonly string[] Architectures =
        [
            "bert.", "roberta.", "distilbert.", "electra.", "deberta.", "albert.", "mpnet.", "camembert.", "xlm_roberta.", "ernie.",
            "longformer.", "mobilebert.",
        ];

    private string? _root;

    /// <summary>The stored name of a tensor of the model; null if the checkpoint lacks it.</summary>
    public string? Find(string name)
    {
        var local = name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;
        return Any(prefix + local, name) ?? Any(local) ?? (Root is { Length: > 0 } root ? Any(root + local, Outer(root) + name) : null);
    }

    // What stands before the base model's names: "bert.", nothing, or what a wrapper puts there ("model.bert.", "module.", "encoder.").
    private string Root => _root ??= FindRoot();

    private string FindRoot()
    {
        var roots = checkpoint.Names.Where(name => name == Words || name.EndsWith("." + Words, StringComparison.Ordinal))
            .Select(name => name[..^Words.Length])
            .ToList();
        if (roots.Count == 0 || roots.Contains(prefix) || roots.Contains("")) return "";
        if (roots.Count > 1)
            throw new PeftException(
                $"{checkpoint.Path} holds {roots.Count} models, under "
                + $"{string.Join(", ", roots.Order(StringComparer.Ordinal).Select(r => Quoted.Name(r)))}; "
                + "expected one: export the one that is meant.");
        if (Architectures.FirstOrDefault(other => other != prefix && IsOf(roots[0], other)) is { } other)
            throw new PeftException(
                $"{checkpoint.Path} keeps its tensors under {Quoted.Name(roots[0])}, which is the architecture {other.TrimEnd('.')}, "
                + $"but config.json says {prefix.TrimEnd('.')}; take both files from the same model.");
        return roots[0];
    }

    private string Outer(string root) => IsOf(root, prefix) ? root[..^prefix.Length] : root;

    private static bool IsOf(string root, string prefix) => root == prefix || root.EndsWith("." + prefix, StringComparison.Ordinal);

    private string? Any(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            if (checkpoint.Contains(name)) return name;
            else if (Old(name) is { } old && checkpoint.Contains(old)) return old;
        return null;
    }

    // Checkpoints converted from TensorFlow call a norm's scale and shift gamma and beta.
    private static string? Old(string name) =>
        name.EndsWith("orm.weight", StringComparison.Ordinal) ? $"{name[..^"weight".Length]}gamma"
        : name.EndsWith("orm.bias", StringComparison.Ordinal) ? $"{name[..^"bias".Length]}beta"
        : null;
}
