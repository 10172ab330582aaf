using PeftSharp.Interop;
using PeftSharp.Sites;

namespace PeftSharp.Methods.Reparameterized.DyLora;

/// <summary>Which rank a call uses: one drawn for each step of training, the same at every map; the one that is served elsewhere.</summary>
/// <param name="options">The range.</param>
/// <param name="seed">What the draws derive from, besides the step.</param>
internal sealed class RankInUse(DyLoraOptions options, ulong seed)
{
    private volatile int _served = options.ServingRank ?? options.Rank;

    /// <summary>The rank of answers.</summary>
    public int Served
    {
        get => _served;
        set
        {
            options.CheckServed(value);
            _served = value;
        }
    }

    /// <summary>The rank of a call. Parts and micro-batches of one step share theirs.</summary>
    public int Of(ForwardContext context)
    {
        if (!context.Training || context.Step is not { } step) return _served;
        var ranks = (ulong)(options.Rank - options.SmallestRank + 1);
        return options.SmallestRank + (int)(SeedSequence.Derive(seed, (ulong)step.Step) % ranks);
    }

    /// <summary>True if the ranks below the one in use are taken as they are.</summary>
    public bool TrainsLastAlone(ForwardContext context) => options.Frozen && context.Training && context.Step is not null;
}
