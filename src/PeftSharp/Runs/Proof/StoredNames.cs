using PeftSharp.Files;

namespace PeftSharp.Runs.Proof;

/// <summary>Finds a checkpoint's tensors by names that lack the base's prefix.</summary>
internal sealed class StoredNames
{
    private const string Words = "embeddings.word_embeddings.weight";

    private readonly Checkpoint _checkpoint;
    private readonly Dictionary<string, string> _found = new(StringComparer.Ordinal);

    public StoredNames(Checkpoint checkpoint)
    {
        _checkpoint = checkpoint;
        foreach (var name in checkpoint.Names) _found.TryAdd(Current(name), name);
        // Wrappers put more before the base's prefix.
        var words = checkpoint.Names.Where(name => name.EndsWith(Words, StringComparison.Ordinal)).ToList();
        if (words is [var only] && only[..^Words.Length] is { Length: > 0 } root)
            foreach (var name in checkpoint.Names.Where(name => name.StartsWith(root, StringComparison.Ordinal)))
                _found.TryAdd(Current(name[root.Length..]), name);
        // A whole name goes before one that is whole only without its first part.
        foreach (var name in checkpoint.Names)
            if (name.IndexOf('.', StringComparison.Ordinal) is > 0 and var dot) _found.TryAdd(Current(name[(dot + 1)..]), name);
    }

    public StoredTensor? Find(string name) =>
        _found.TryGetValue(name, out var stored) ? new(name, _checkpoint.FileWithTensor(stored), _checkpoint.Info(stored)) : null;

    /// <summary>A tensor and, where it is kept in 4 bits, the tensors named after it.</summary>
    public IEnumerable<StoredTensor> WithParts(string name)
    {
        if (Find(name) is not { } tensor) yield break;
        yield return tensor;
        var stored = _found[name];
        foreach (
            var part in _checkpoint.Names.Where(
                n => n.StartsWith(stored, StringComparison.Ordinal) && n.Length > stored.Length && n[stored.Length] == '.'))
            yield return Find(name + part[stored.Length..])!;
    }

    // Checkpoints converted from TensorFlow call a norm's scale and shift gamma and beta.
    private static string Current(string name) =>
        name.Replace("orm.gamma", "orm.weight", StringComparison.Ordinal).Replace("orm.beta", "orm.bias", StringComparison.Ordinal);
}
