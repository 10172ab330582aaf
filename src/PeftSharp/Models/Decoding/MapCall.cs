using System.Runtime.Intrinsics;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Models.Decoding;

/// <summary>A linear map in one call, with what adapters add to it: W·x + b + Σ factor · B·(A·x).</summary>
internal sealed unsafe class MapCall
{
    private readonly IRowProduct _weight;
    private readonly float* _bias;
    private readonly Tensor? _biasOwner;
    private readonly LowRankCall[] _added;

    private MapCall(IRowProduct weight, float* bias, Tensor? biasOwner, LowRankCall[] added)
    {
        (_weight, _biasOwner, _added) = (weight, biasOwner, added);
        _bias = bias;
    }

    /// <summary>Outputs.</summary>
    public int Outputs => (int)_weight.OutFeatures;

    /// <summary>The ranks of what is added, together.</summary>
    public int Ranks => _added.Sum(added => added.Rank);

    /// <summary>
    /// The map; null where its weight, its bias or what acts on it is not of the kinds that are computed here, or of another size.
    /// </summary>
    /// <param name="site">The map's site.</param>
    /// <param name="outputs">Outputs that it has to have.</param>
    /// <param name="columns">Inputs that it has to have.</param>
    /// <param name="context">The call.</param>
    public static MapCall? Of(ProjectionSite site, long outputs, long columns, ForwardContext context)
    {
        LowRankCall[] added = [];
        if (site.Plugins.AnyActive(context))
        {
            var shares = site.Plugins.Shares(context);
            added = new LowRankCall[shares.Length];
            for (var i = 0; i < added.Length; i++)
            {
                if (LowRankCall.Of(shares[i], outputs, columns) is not { } one) return null;
                added[i] = one;
            }
        }
        if (site.Weight.Get(context) is not IRowProduct { HasRows: true } weight) return null;
        if (weight.OutFeatures != outputs || weight.InFeatures != columns) return null;
        if (site.Bias?.Get(context) is not { } bias) return new(weight, null, null, added);
        var numbers = bias.dim() == 1 ? PlainNumbers.Of(bias, outputs) : null;
        return numbers == null ? null : new(weight, numbers, bias, added);
    }

    /// <summary>Gives what is added its room, and returns what is left of it.</summary>
    public float* Place(float* room, int count)
    {
        foreach (var added in _added)
        {
            added.Place(room);
            room += (long)added.Rank * count;
        }
        return room;
    }

    /// <summary>Has a first look at the inputs, one behind the other; one thread does so before any multiplies.</summary>
    public void Read(float* x, int count)
    {
        foreach (var added in _added) added.Read(x, count);
    }

    /// <summary>Some outputs of each input; parameters as for <see cref="IRowProduct.Multiply"/>.</summary>
    public void Multiply(long first, long rows, float* x, int count, float* y, long stride)
    {
        _weight.Multiply(first, rows, x, count, y, stride);
        foreach (var added in _added) added.Add(first, rows, count, y, stride);
        for (var i = 0; i < count && _bias != null; i++) Add(_bias + first, y + i * stride, rows);
    }

    /// <summary>y += x, so many numbers.</summary>
    public static void Add(float* x, float* y, long count)
    {
        var k = 0L;
        for (; k <= count - 8; k += 8) (Vector256.Load(y + k) + Vector256.Load(x + k)).Store(y + k);
        for (; k < count; k++) y[k] += x[k];
    }

    /// <summary>Keeps the numbers where they are until here.</summary>
    public void KeepAlive()
    {
        GC.KeepAlive(_weight);
        GC.KeepAlive(_biasOwner);
        foreach (var added in _added) added.KeepAlive();
    }
}
