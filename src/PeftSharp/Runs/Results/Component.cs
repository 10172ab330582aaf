using System.Text.RegularExpressions;
using PeftSharp.Methods;

namespace PeftSharp.Runs.Results;

/// <summary>What of an adapter stands at one kind of module, all layers together.</summary>
/// <param name="Name">The module's path, layers as "*".</param>
/// <param name="Tensors">Number of trained tensors.</param>
/// <param name="Weights">Number of trained weights.</param>
public sealed partial record Component(string Name, int Tensors, long Weights)
{
    /// <summary>All of an adapter, in the order of the model.</summary>
    public static IReadOnlyList<Component> Of(PeftMethod adapter) =>
        [
            .. adapter.Tensors.GroupBy(t => Layer().Replace(t.Path.Length == 0 ? t.Local : t.Path, "*"))
                .Select(g => new Component(g.Key, g.Count(), g.Sum(t => t.Value.numel()))),
        ];

    [GeneratedRegex(@"(?<=^|\.)\d+(?=\.|$)")]
    private static partial Regex Layer();
}
