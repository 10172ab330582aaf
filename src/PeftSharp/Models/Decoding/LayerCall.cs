using PeftSharp.Models.Blocks;
using PeftSharp.Sites;

namespace PeftSharp.Models.Decoding;

/// <summary>A layer in one call: what its slots yield, as numbers in memory whose sizes were looked at.</summary>
internal sealed unsafe class LayerCall
{
    private LayerCall(LayerParts parts, MapCall[] inputs, MapCall[] output, MapCall[] gateAndUp, MapCall[] down) =>
        (Parts, Inputs, Output, GateAndUp, Down) = (parts, inputs, output, gateAndUp, down);

    /// <summary>The sites.</summary>
    public LayerParts Parts { get; }

    /// <summary>Queries, keys and values.</summary>
    public MapCall[] Inputs { get; }

    /// <summary>The attention's last map.</summary>
    public MapCall[] Output { get; }

    /// <summary>Gate and what is gated.</summary>
    public MapCall[] GateAndUp { get; }

    /// <summary>The last map.</summary>
    public MapCall[] Down { get; }

    /// <summary>Scale of the first norm.</summary>
    public float* InputScale { get; private init; }

    /// <summary>Scale of the second.</summary>
    public float* FeedForwardScale { get; private init; }

    /// <summary>Scale of the norm over queries; null for none.</summary>
    public float* QueryScale { get; private init; }

    /// <summary>Scale of the norm over keys; null for none.</summary>
    public float* KeyScale { get; private init; }

    /// <summary>Keys that a query sees at most.</summary>
    public int Window { get; private init; }

    /// <summary>Keys and values so far, the token's own included.</summary>
    public KeyPlaces Keys { get; set; }

    /// <summary>All maps.</summary>
    public IEnumerable<MapCall> Maps => [.. Inputs, .. Output, .. GateAndUp, .. Down];

    /// <summary>The layer; null where anything acts on it or is kept in a way that is not computed here.</summary>
    /// <param name="parts">Its sites.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="window">Keys that a query sees at most; null for all.</param>
    /// <param name="context">The call as the layer sees it.</param>
    public static LayerCall? Of(LayerParts parts, DecoderShape shape, int? window, ForwardContext context)
    {
        if (!parts.IsBare(context)) return null;
        var (width, inner, dim) = (shape.Hidden, shape.Intermediate, shape.Attention.HeadDim);
        var (queries, keys) = (shape.Attention.Heads * dim, shape.Attention.KeyHeads * dim);
        var attention = parts.Attention;
        MapCall?[] maps =
        [
            MapCall.Of(attention.Query, queries, width, context), MapCall.Of(attention.Key, keys, width, context),
            MapCall.Of(attention.Value, keys, width, context), MapCall.Of(attention.Output, width, queries, context),
            MapCall.Of(parts.Gate, inner, width, context), MapCall.Of(parts.Up, inner, width, context),
            MapCall.Of(parts.Down, width, inner, context),
        ];
        float* input = PlainNumbers.Of(parts.InputNorm, width, context), middle = PlainNumbers.Of(parts.FeedForwardNorm, width, context);
        var query = parts.QueryNorm is null ? null : PlainNumbers.Of(parts.QueryNorm, dim, context);
        var key = parts.KeyNorm is null ? null : PlainNumbers.Of(parts.KeyNorm, dim, context);
        if (Array.Exists(maps, map => map is null) || input == null || middle == null) return null;
        if ((query == null) != (parts.QueryNorm is null) || (key == null) != (parts.KeyNorm is null)) return null;
        return new(parts, [maps[0]!, maps[1]!, maps[2]!], [maps[3]!], [maps[4]!, maps[5]!], [maps[6]!])
        {
            InputScale = input,
            FeedForwardScale = middle,
            QueryScale = query,
            KeyScale = key,
            Window = window ?? int.MaxValue,
        };
    }
}
