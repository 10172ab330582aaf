using PeftSharp.Methods;
using PeftSharp.Sites;

namespace PeftSharp.Runs.Joint;

/// <summary>One of several tasks that are trained together.</summary>
/// <param name="name">Its name, unlike those of the others.</param>
/// <param name="adapters">
/// What is trained on its rows, in the order in which they act: what tasks share is the same object in all of them. The head of the last
/// one answers.
/// </param>
public sealed class JointTask(string name, params IReadOnlyList<PeftMethod> adapters)
{
    /// <summary>Its name.</summary>
    public string Name { get; } = name;

    /// <summary>What is trained on its rows.</summary>
    public IReadOnlyList<PeftMethod> Adapters { get; } = adapters.Count > 0 ? adapters
        : throw new PeftException($"The task \"{name}\" has no adapter to train; give one.");

    /// <summary>The adapter that holds the head.</summary>
    public PeftMethod Answering => Adapters[^1];

    /// <summary>What acts on its rows.</summary>
    public AdapterSelection Selection { get; } = AdapterSelection.Of([.. adapters.Select(adapter => adapter.Tag)]);
}
