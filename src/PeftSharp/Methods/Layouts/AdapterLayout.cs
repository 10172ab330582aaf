using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Layouts;

/// <summary>
/// How the adapters of a method lie in files of one format: names of tensors, and what of them is written. One object serves every adapter
/// of the method, so it keeps nothing; <see cref="MethodInfo.Layouts"/> lists a method's.
/// </summary>
internal abstract class AdapterLayout
{
    /// <summary>The format.</summary>
    public abstract AdapterFormat Format { get; }

    /// <summary>Why these settings cannot be kept in the format, as one sentence; null (default) where they can.</summary>
    public virtual string? Refusal(MethodOptions options) => null;

    /// <summary>Why an attached adapter cannot be kept in it; by default what its settings say.</summary>
    public virtual string? Refusal(PeftMethod adapter) => Refusal(adapter.Options);

    /// <summary>The name under which a tensor is saved; null leaves it out.</summary>
    public abstract string? Name(PeftMethod adapter, AdapterTensor tensor);

    /// <summary>
    /// The tensor's name in the reference library's live model, without the adapter's own name; reference numbers use it.
    /// </summary>
    public virtual string ReferenceName(PeftMethod adapter, AdapterTensor tensor) => Name(adapter, tensor) ?? tensor.Name;

    /// <summary>
    /// What is saved, by name; belongs to the caller's scope where it is computed. By default <see cref="Encode"/> of every named tensor.
    /// </summary>
    public virtual IEnumerable<KeyValuePair<string, Tensor>> Write(PeftMethod adapter)
    {
        foreach (var tensor in adapter.Kept)
            if (Name(adapter, tensor) is { } key)
                foreach (var written in Encode(adapter, tensor, key)) yield return written;
    }

    /// <summary>What is written for one tensor under its name; by default the tensor as files keep it.</summary>
    protected virtual IEnumerable<KeyValuePair<string, Tensor>> Encode(PeftMethod adapter, AdapterTensor tensor, string key) =>
        [new(key, tensor.IsTransposedOnDisk ? tensor.OnDisk.contiguous() : tensor.Value)];

    /// <summary>Takes saved tensors over; by default each goes into the tensor of its name.</summary>
    /// <exception cref="PeftException">One is missing, unexpected, or of another shape; nothing is changed then.</exception>
    public virtual void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        var expected = adapter.Kept.Select(t => (Tensor: t, Key: Name(adapter, t)!))
            .Where(t => t.Key is not null && !IsLeftToBase(adapter, t.Tensor, saved)).ToList();
        if (expected.FirstOrDefault(e => IsDrawnHead(adapter, e.Tensor) && !saved.ContainsKey(e.Key)) is { Key: not null } drawn)
            throw new PeftException(
                $"{file}: tensor \"{drawn.Key}\" is missing, and the base has no head of its own that could stand in for it; "
                + "save the adapter again with its head.");
        foreach (var (tensor, key) in expected) SavedTensor.Require(saved, key, tensor.OnDisk.shape, file);
        if (saved.Keys.Except(expected.Select(e => e.Key)).FirstOrDefault(key => !MayLeaveOut(adapter, key)) is { } stray)
            throw SavedTensor.Stray(stray, file);
        using var guard = no_grad();
        foreach (var (tensor, key) in expected) tensor.OnDisk.copy_(saved[key]);
    }

    /// <summary>True if a saved tensor that has no place here may be left out (duplicates that a library writes).</summary>
    public virtual bool MayLeaveOut(PeftMethod adapter, string key) => false;

    /// <summary>True if the file may lack a tensor because the base's own value is meant.</summary>
    private protected virtual bool IsLeftToBase(PeftMethod adapter, AdapterTensor tensor, IReadOnlyDictionary<string, Tensor> saved) =>
        false;

    private static bool IsDrawnHead(PeftMethod adapter, AdapterTensor tensor) =>
        adapter.IsHead(tensor.Path) && adapter.Host.Drawn.Contains(tensor.Name);
}
