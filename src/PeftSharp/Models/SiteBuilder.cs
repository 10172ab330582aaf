using PeftSharp.Quantization;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>Makes a model's slots and sites from its tensors and records them in a <see cref="SiteMap"/>.</summary>
internal sealed class SiteBuilder(TensorSource source, ModelOptions options)
{
    public SiteMap Map { get; } = new();

    public TensorSource Source { get; } = source;

    /// <summary>The last map of a head: read, put in the order that is asked for, or drawn anew where the checkpoint's answers something else.</summary>
    public ProjectionSite Classifier(string path, long output, long input)
    {
        if (options.Head.IsNew) Source.DrawAnew([$"{path}.weight", $"{path}.bias"]);
        else if (options.Head.Rows is { } rows) Source.Reorder([$"{path}.weight", $"{path}.bias"], rows);
        return Projection(path, ProjectionRole.Head, -1, output, input);
    }

    public ProjectionSite Projection(string path, ProjectionRole role, int layer, long output, long input)
    {
        var head = role is ProjectionRole.Head or ProjectionRole.Pooler;
        var bias = head ? Source.GetOrCreate($"{path}.bias", output) : Source.Get($"{path}.bias", output);
        var weightSlot = new WeightSlot($"{path}.weight", Weight($"{path}.weight", head, output, input));
        var biasSlot = new TensorSlot($"{path}.bias", SlotKind.Bias, bias);
        Map.Add(weightSlot, biasSlot);
        var site = new ProjectionSite(path, role, layer, weightSlot, biasSlot);
        Map.Projections.Add(site);
        return site;
    }

    // The head is small and trained: it stays dense.
    private WeightStore Weight(string name, bool head, long output, long input)
    {
        if (head) return new DenseStore(Source.GetOrCreate(name, output, input));
        if (Source.Quantized(name, output, input) is { } stored) return Computing(stored);
        var dense = Source.Get(name, output, input);
        if (options.Quantize is not { } nf4 && options.Compute == ComputeType.Float32) return new DenseStore(dense);
        using (dense)
            return options.Quantize is { } q
                ? Computing(Nf4Store.Quantize(dense, q.BlockSize, q.Double).To(dense.device))
                : new HalfStore(dense.to(ScalarType.BFloat16).DetachFromDisposeScope());
    }

    private Nf4Store Computing(Nf4Store store)
    {
        store.ComputeType = options.Compute == ComputeType.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32;
        return store;
    }

    public EmbeddingSite Embedding(string path, long vocabulary, long dim)
    {
        var table = new TensorSlot($"{path}.weight", SlotKind.Embedding, Source.Get($"{path}.weight", vocabulary, dim));
        Map.Add(table);
        var site = new EmbeddingSite(path, table);
        Map.Embeddings.Add(site);
        return site;
    }

    public Norm Norm(string path, long width, double epsilon)
    {
        var weight = new TensorSlot($"{path}.weight", SlotKind.NormWeight, Source.Get($"{path}.weight", width));
        var bias = new TensorSlot($"{path}.bias", SlotKind.NormBias, Source.Get($"{path}.bias", width));
        Map.Add(weight, bias);
        var norm = new Norm(weight, bias, epsilon);
        Map.Norms.Add(norm);
        return norm;
    }

    public BranchSite Branch(string path, BranchKind kind, int layer, long width, Norm? norm)
    {
        var site = new BranchSite(path, kind, layer, width, norm);
        Map.Branches.Add(site);
        return site;
    }

    public AttentionSite Attention(string path, int layer, int heads, int headDim, ProjectionSite query, ProjectionSite key, ProjectionSite value, ProjectionSite output)
    {
        var site = new AttentionSite(path, AttentionKind.Self, layer, heads, heads, headDim, query, key, value, output);
        Map.Attentions.Add(site);
        return site;
    }

    public ProjectionGroup Group(params ProjectionSite[] sites)
    {
        var group = new ProjectionGroup(sites);
        Map.Groups.Add(group);
        return group;
    }

    public InputSite Input(string path)
    {
        var site = new InputSite(path);
        Map.Inputs.Add(site);
        return site;
    }

    public LayerSite Layer(string path, int layer, long width)
    {
        var site = new LayerSite(path, layer, width);
        Map.Layers.Add(site);
        return site;
    }
}
