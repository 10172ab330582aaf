using System.Runtime.CompilerServices;
using PeftSharp.Methods;
using static TorchSharp.torch;

namespace PeftSharp.Composition.Foreign;

/// <summary>Adapters on networks that were written by hand, with TorchSharp's own modules.</summary>
public static class ModuleAdapters
{
    private static readonly ConditionalWeakTable<nn.Module, AdaptedModule> Known = [];

    /// <summary>
    /// The network's seams: every <c>Linear</c>, <c>Embedding</c> and <c>LayerNorm</c> among its children, found by their names. The same
    /// object each time; the first call freezes the network's parameters.
    /// </summary>
    /// <param name="module">The network. It is to be run by <c>call</c>: hooks do not see <c>forward</c>.</param>
    /// <param name="branches"> Names (a whole path or its end) of children behind which bottleneck adapters may sit: modules from a tensor
    /// to a tensor of the same width, such as a feed-forward block. Counted at the first call only.
    /// </param>
    /// <exception cref="PeftException">A name means no child of that kind, or the network has no child that an adapter can
    /// reach.</exception>
    public static AdaptedModule Adapted(this nn.Module module, params IReadOnlyList<string> branches)
    {
        ArgumentNullException.ThrowIfNull(module);
        lock (Known)
        {
            if (Known.TryGetValue(module, out var known) && !known.IsDisposed) return known;
            var made = new AdaptedModule(module, branches);
            Known.AddOrUpdate(module, made);
            return made;
        }
    }

    /// <summary>Attaches an adapter to a network and lets it act on every call from now on.</summary>
    /// <param name="module">The network.</param>
    /// <param name="options">The method's settings; which children are meant by <c>TargetModules</c>, by their names or
    /// <c>all-linear</c>.</param>
    /// <param name="name">The adapter's name; default <c>default</c>.</param>
    /// <param name="seed">Seed of start values and of dropout; default 42.</param>
    /// <exception cref="PeftException">The settings do not fit the network, or the name is taken; nothing is changed then.</exception>
    public static PeftMethod AddAdapter(this nn.Module module, MethodOptions options, string name = "default", ulong seed = 42) =>
        module.Adapted().Add(options, name, seed);
}
