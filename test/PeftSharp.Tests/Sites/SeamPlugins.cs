using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Sites;

/// <summary>The simplest plug-in of each kind, at every place where it fits.</summary>
internal static class SeamPlugins
{
    private static readonly Dictionary<string, Func<SiteMap, AdapterTag, Noise, IEnumerable<Action>>> Kinds = new()
    {
        ["projection bias"] = (sites, tag, noise) =>
            Replace(sites.Projections.Where(p => p.Bias is not null).Select(p => (Slot)p.Bias!), tag, noise),
        ["projection weight"] = (sites, tag, noise) => Replace(sites.Projections.Select(p => p.Weight), tag, noise),
        ["norm scale"] = (sites, tag, noise) => Replace(sites.Norms.Select(n => n.Weight), tag, noise),
        ["norm shift"] = (sites, tag, noise) => Replace(sites.Norms.Where(n => n.Bias is not null).Select(n => (Slot)n.Bias!), tag, noise),
        ["embedding table"] = (sites, tag, noise) => Replace(sites.Embeddings.Select(e => e.Table), tag, noise),
        ["projection input"] = (sites, tag, noise) =>
            sites.Projections.Select(p => p.Plugins.Add(tag, new InputShift(noise.Of(p.InFeatures)))),
        ["projection delta"] = (sites, tag, noise) =>
            sites.Projections.Select(p => p.Plugins.Add(tag, new Delta(noise.Of(p.OutFeatures, p.InFeatures)))),
        ["projection output"] = (sites, tag, noise) =>
            sites.Projections.Select(p => p.Plugins.Add(tag, new OutputShift(noise.Of(p.OutFeatures)))),
        ["branch"] = (sites, tag, noise) => sites.Branches.Select(s => s.Plugins.Add(tag, new Branch(noise.Of(s.Width), false))),
        ["branch that ends itself"] = (sites, tag, noise) =>
            sites.Branches.Select(s => s.Plugins.Add(tag, new Branch(noise.Of(s.Width), true))),
        ["attention prefix"] = (sites, tag, noise) =>
            sites.Attentions.Select(s => s.Plugins.Add(tag, new Prefix(noise.Of(2, s.PrefixHeads, 2 + noise.Index, s.HeadDim), 0))),
        ["attention prefix that moves positions"] = (sites, tag, noise) =>
            sites.Attentions.Select(s => s.Plugins.Add(tag, new Prefix(noise.Of(2, s.PrefixHeads, 3, s.HeadDim), 2 + noise.Index))),
        ["attention addition"] = (sites, tag, noise) =>
            sites.Attentions.Select(s => s.Plugins.Add(tag, new Addition(noise.Of(s.Heads * s.HeadDim)))),
        ["prompt before positions"] = (sites, tag, noise) =>
            sites.Inputs.Select(s => s.Plugins.Add(tag, new Prompt(noise.Of(1 + noise.Index, sites.Embeddings[0].Dim), InputStage.Words))),
        ["prompt after positions"] = (sites, tag, noise) =>
            sites.Inputs.Select(s => s.Plugins.Add(tag, new Prompt(noise.Of(1 + noise.Index, sites.Layers[0].Width), InputStage.Embedded))),
        ["embedding"] = (sites, tag, noise) => sites.Embeddings.Select(s => s.Plugins.Add(tag, new Embedding(noise.Of(s.Dim)))),
        ["layer"] = (sites, tag, noise) => sites.Layers.Select(s => s.Plugins.Add(tag, new Layer(noise.Of(s.Width)))),
    };

    public static IEnumerable<string> Names => Kinds.Keys;

    /// <summary>Plugs in; the actions undo it. <paramref name="trained"/> collects the plug-ins' tensors.</summary>
    public static IReadOnlyList<Action> Plug(string kind, SiteMap sites, AdapterTag tag, int index, List<Tensor>? trained = null)
    {
        tag.NeedAllTokens(); // so that the last layer's plug-ins see every position, alone and in a mixed batch
        return [.. Kinds[kind](sites, tag, new Noise(index, trained))];
    }

    private static IEnumerable<Action> Replace(IEnumerable<Slot> slots, AdapterTag tag, Noise noise)
    {
        foreach (var slot in slots)
        {
            var shift = noise.Of(slot.Value.shape);
            yield return slot.ReplaceTensor(tag, (value, _) => value + shift);
        }
    }

    private sealed class Noise(int index, List<Tensor>? made)
    {
        private ulong _next = 1000 * (ulong)index;

        public int Index => index;

        public Tensor Of(params long[] shape)
        {
            var value = Initial.Normal(shape, 0.3, _next++).to(ScalarType.Float64).requires_grad_(true);
            made?.Add(value);
            return value;
        }
    }

    private sealed class InputShift(Tensor value) : IProjectionInput
    {
        public Tensor Input(Tensor x, ForwardContext context) => x + value;
    }

    private sealed class Delta(Tensor value) : IProjectionDelta
    {
        Tensor IProjectionDelta.Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context) =>
            nn.functional.linear(x, value) + wx * 0.1 + weight.Linear(x) * 0.1;
    }

    private sealed class OutputShift(Tensor value) : IProjectionOutput
    {
        public Tensor Output(Tensor y, ForwardContext context) => y * (1 + value);
    }

    private sealed class Branch(Tensor value, bool ends) : IBranchPlugin
    {
        public bool EndsBranch => ends;

        public Tensor Transform(Tensor output, BranchState state, ForwardContext context) =>
            output * value + state.Input * 0.1 + (state.Norm?.Forward(state.Residual, context) ?? state.Residual);
    }

    private sealed class Prefix(Tensor both, int shift) : IAttentionPrefix
    {
        public int Length => (int)both.shape[2];

        public int PositionShift => shift;

        public (Tensor Keys, Tensor Values) KeysAndValues(AttentionState state, ForwardContext context)
        {
            // Keys and values of each row's own, from what the row's attention sees.
            var gate = state.Hidden.mean([1, 2]).view(-1, 1, 1, 1) + 1;
            return (both.narrow(0, 0, 1) * gate, both.narrow(0, 1, 1) * gate);
        }
    }

    private sealed class Addition(Tensor value) : IAttentionAddition
    {
        Tensor IAttentionAddition.Addition(AttentionState state, ForwardContext context)
        {
            var shape = state.Query.shape;
            return state.Query.transpose(1, 2).reshape(shape[0], shape[2], shape[1] * shape[3]) * value;
        }
    }

    private sealed class Prompt(Tensor vectors, InputStage stage) : IInputPlugin
    {
        public InputStage Stage => stage;

        public int Length => (int)vectors.shape[0];

        public Tensor Vectors(ForwardContext context) => vectors;
    }

    private sealed class Embedding(Tensor value) : IEmbeddingPlugin
    {
        public Tensor Transform(Tensor vectors, Tensor ids, ForwardContext context) =>
            vectors + value * (ids.unsqueeze(-1) + 1).to(ScalarType.Float64).log();
    }

    private sealed class Layer(Tensor value) : ILayerPlugin
    {
        public Tensor Transform(Tensor hidden, ForwardContext context) => hidden * (1 + value);
    }
}
