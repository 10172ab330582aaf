using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Models.Decoding;

/// <summary>A low-rank addition to a linear map in one call: factor · B·(A·x).</summary>
internal sealed unsafe class LowRankCall
{
    private readonly float* _lowIn, _lowOut; // [rank, in], [out, rank]
    private readonly float _factor;
    private readonly int _columns;
    private readonly (Tensor, Tensor) _owners; // of the numbers
    private float* _low;                       // [inputs, rank]

    private LowRankCall(Tensor lowIn, Tensor lowOut, float* a, float* b, double factor, int rank, int columns)
    {
        (_owners, _factor, Rank, _columns) = ((lowIn, lowOut), (float)factor, rank, columns);
        _lowIn = a;
        _lowOut = b;
    }

    /// <summary>The rank.</summary>
    public int Rank { get; }

    /// <summary>What a plug-in adds, if that is all that it does.</summary>
    /// <param name="share">The plug-in.</param>
    /// <param name="outputs">Outputs of the map.</param>
    /// <param name="columns">Inputs of the map.</param>
    public static LowRankCall? Of(Share<IProjectionPlugin> share, long outputs, long columns)
    {
        if (share.Rows is not null || share.Plugin is not ILowRankMap { AddsProductAlone: true } map) return null;
        if (map.Factors(share.Context) is not var (left, right, scale) || left.dim() != 2 || right.dim() != 2) return null;
        var rank = right.shape[0];
        if (rank > int.MaxValue / columns || left.shape[1] != rank) return null;
        float* a = PlainNumbers.Of(right, rank * columns), b = PlainNumbers.Of(left, outputs * rank);
        return a == null || b == null ? null : new(right, left, a, b, scale * share.Weight, (int)rank, (int)columns);
    }

    /// <summary>Says where what <see cref="Read"/> finds is kept: room for the rank of each input.</summary>
    public void Place(float* low) => _low = low;

    /// <summary>Reads the inputs, one behind the other.</summary>
    public void Read(float* x, int count)
    {
        for (var i = 0; i < count; i++)
            for (var r = 0; r < Rank; r++)
                _low[i * Rank + r] = RowDots.Single(_lowIn + (long)r * _columns, x + (long)i * _columns, _columns) * _factor;
    }

    /// <summary>Adds to some outputs of each input.</summary>
    /// <param name="first">The first output.</param>
    /// <param name="rows">How many.</param>
    /// <param name="count">Inputs.</param>
    /// <param name="y">Where the first output of the first input is.</param>
    /// <param name="stride">Numbers from there to the next input's.</param>
    public void Add(long first, long rows, int count, float* y, long stride)
    {
        for (var i = 0; i < count; i++)
        {
            var low = _low + i * Rank;
            var to = y + i * stride;
            for (var row = 0L; row < rows; row++) to[row] += RowDots.Few(_lowOut + (first + row) * Rank, low, Rank);
        }
    }

    /// <summary>Keeps the numbers where they are until here.</summary>
    public void KeepAlive()
    {
        GC.KeepAlive(_owners.Item1);
        GC.KeepAlive(_owners.Item2);
    }
}
