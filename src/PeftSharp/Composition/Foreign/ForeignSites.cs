using PeftSharp.Methods;
using PeftSharp.Sites;
using PeftSharp.Weights;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PeftSharp.Composition.Foreign;

/// <summary>The seams of a network of TorchSharp's own modules, and the hooks that lead to them.</summary>
internal sealed class ForeignSites
{
    private readonly Dictionary<Slot, Parameter> _parameters = [];
    private readonly List<Func<Func<ForwardContext?>, Action>> _hooks = [];

    public ForeignSites(nn.Module network, IReadOnlyList<string> branches)
    {
        var children = network.named_modules().Select(child => (Path: child.name, Module: child.module)).ToList();
        // A network that is one of them itself.
        if (children.All(child => child.Module != network)) children.Insert(0, ("", network));
        foreach (var (path, module) in children) Take(path, module);
        foreach (var name in branches) TakeBranch(name, children);
        if (Sites.Slots.Count == 0)
        {
            throw new PeftException(
                $"{network.GetName()} has no Linear, Embedding or LayerNorm among its registered children, so there is nothing to adapt; "
                + "register its modules (RegisterComponents, or a Sequential).");
        }
    }

    /// <summary>Every slot and site.</summary>
    public SiteMap Sites { get; } = new();

    /// <summary>Element type of adapters: that of the network's first parameter, float32 at least.</summary>
    public ScalarType Precision => First.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;

    /// <summary>Where the network's first parameter lies.</summary>
    public Device Device => First.device;

    private Parameter First => _parameters.Values.First();

    /// <summary>The parameter that a slot reads.</summary>
    public Parameter ParameterOf(Slot slot) => _parameters[slot];

    /// <summary>Sets the hooks; each returned action takes one away.</summary>
    /// <param name="call">Makes the context of a child's call; null where nothing acts.</param>
    public IEnumerable<Action> Hook(Func<ForwardContext?> call) => [.. _hooks.Select(hook => hook(call))];

    private void Take(string path, nn.Module module)
    {
        switch (module)
        {
            case Linear linear:
                var site = new ProjectionSite(
                    new(path), ProjectionRole.Foreign, Weight(path, linear.weight),
                    linear.bias is { } bias ? Vector(path, "bias", SlotKind.Bias, bias) : null);
                Sites.Projections.Add(site);
                Add(linear, (x, y, context) => ForeignCalls.Linear(site, x, y, context));
                break;
            case Embedding embedding:
                var table = new EmbeddingSite(new(path), Vector(path, "weight", SlotKind.Embedding, embedding.weight!));
                Sites.Embeddings.Add(table);
                Add(embedding, (ids, y, context) => ForeignCalls.Embedding(table, ids, y, context));
                break;
            case LayerNorm { weight: { } scale } layer when scale.dim() == 1:
                var shift = layer.bias is { } own ? Vector(path, "bias", SlotKind.NormBias, own) : null;
                var norm = new Norm(NormKind.Layer, Vector(path, "weight", SlotKind.NormWeight, scale), shift, layer.eps);
                Sites.Norms.Add(norm);
                Add(layer, (x, y, context) => ForeignCalls.Norm(norm, x, y, context));
                break;
        }
    }

    private void TakeBranch(string name, List<(string Path, nn.Module Module)> children)
    {
        var named = new Targets([name]);
        var found = children.Where(child => child.Module is nn.Module<Tensor, Tensor> && named.Match(child.Path)).ToList();
        if (found.Count == 0)
        {
            throw new PeftException(
                $"\"{name}\" is no child of the network that goes from a tensor to a tensor; its children are "
                + $"{string.Join(", ", children.Where(c => c.Path.Length > 0).Take(20).Select(c => c.Path))}.");
        }
        foreach (var (path, module) in found)
        {
            var width = WidthOf(module)
                ?? throw new PeftException($"\"{path}\" has no Linear in it that would tell the width of its output; name another child.");
            var site = new BranchSite(new(path, Sites.Branches.Count), BranchKind.FeedForward, width, null);
            Sites.Branches.Add(site);
            Add((nn.Module<Tensor, Tensor>)module, (x, y, context) => ForeignCalls.Branch(site, x, y, context));
        }
    }

    // The last linear map in it makes what it yields.
    private static long? WidthOf(nn.Module module) =>
        (module as Linear ?? module.named_modules().Select(child => child.module).OfType<Linear>().LastOrDefault())?.out_features;

    private void Add(nn.Module<Tensor, Tensor> module, Func<Tensor, Tensor, ForwardContext, Tensor> seam) => _hooks.Add(call =>
    {
        var remover = module.register_forward_hook((_, x, y) => call() is { } context ? ForeignCalls.Run(x, y, context, seam) : y);
        return remover.remove;
    });

    private WeightSlot Weight(string path, Parameter parameter)
    {
        var slot = new WeightSlot(Name(path, "weight"), new DenseStore(parameter));
        Keep(slot, parameter);
        return slot;
    }

    private TensorSlot Vector(string path, string local, SlotKind kind, Parameter parameter)
    {
        var slot = new TensorSlot(Name(path, local), kind, parameter);
        Keep(slot, parameter);
        return slot;
    }

    private void Keep(Slot slot, Parameter parameter)
    {
        Sites.Add(slot);
        _parameters.Add(slot, parameter);
    }

    private static string Name(string path, string local) => path.Length == 0 ? local : $"{path}.{local}";
}
