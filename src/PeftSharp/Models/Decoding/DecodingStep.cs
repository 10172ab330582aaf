using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using PeftSharp.Models.Blocks;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Decoding;

/// <summary>One call of a <see cref="DecodingPass"/>: the numbers between the maps, and the work of each thread.</summary>
internal sealed unsafe class DecodingStep
{
    private const int PieceWeights = 1 << 15; // of a piece of a map's rows, at least

    private readonly LayerCall[] _layers;
    private readonly DecoderShape _shape;
    private readonly int _rows, _width, _inner, _dim, _heads, _keyHeads, _turned;
    private readonly Tensor _hiddenOwner;
    private readonly Rotary.Angles _angles;
    private readonly float* _given, _cos, _sin;
    private readonly bool _sameAngles; // of all rows
    // Of all rows: the residual stream, a norm of it, queries with keys and values, joined heads, a branch's result, gate beside input,
    // their product.
    private float* _hidden, _read, _maps, _joined, _branch, _wide, _gated, _scores;
    private int _keys;

    private DecodingStep(
        LayerCall[] layers, DecoderShape shape, int rows, Tensor hidden, Rotary.Angles angles, float* given, float* cos, float* sin)
    {
        (_layers, _shape, _rows, _hiddenOwner, _angles) = (layers, shape, rows, hidden, angles);
        (_width, _inner, _dim) = (shape.Hidden, shape.Intermediate, shape.Attention.HeadDim);
        (_heads, _keyHeads) = (shape.Attention.Heads, shape.Attention.KeyHeads);
        _given = given;
        _cos = cos;
        _sin = sin;
        (_turned, _sameAngles) = ((int)angles.Cos.shape[3], angles.Cos.shape[0] == 1);
    }

    private int Queries => _heads * _dim;

    private int KeyWidth => _keyHeads * _dim;

    private int MapWidth => Queries + 2 * KeyWidth;

    /// <summary>Weights of a layer.</summary>
    public long WeightsOfLayer => (long)_width * (MapWidth + Queries + 3L * _inner);

    /// <summary>The step; null where inputs or angles are not plain numbers of the right sizes.</summary>
    public static DecodingStep? Of(LayerCall[] layers, DecoderShape shape, int rows, Tensor hidden, Rotary.Angles angles)
    {
        var (cos, sin, dim) = (angles.Cos, angles.Sin, shape.Attention.HeadDim);
        if (cos.dim() != 4 || cos.shape[0] != 1 && cos.shape[0] != rows || cos.shape[3] > dim || cos.shape[3] % 2 != 0) return null;
        var count = cos.shape[0] * cos.shape[3];
        var given = PlainNumbers.Of(hidden, (long)rows * shape.Hidden);
        float* cosines = PlainNumbers.Of(cos, count), sines = PlainNumbers.Of(sin, count);
        return given == null || cosines == null || sines == null ? null : new(layers, shape, rows, hidden, angles, given, cosines, sines);
    }

    /// <summary>Numbers of room that it needs.</summary>
    /// <exception cref="OverflowException">More than an array holds.</exception>
    public int Needed(int threads)
    {
        _keys = _layers.Max(layer => layer.Keys.Count);
        var ranks = _layers.Sum(layer => layer.Maps.Sum(map => (long)map.Ranks));
        var row = 3L * _width + MapWidth + Queries + 3L * _inner + ranks;
        return checked((int)(_rows * row + (long)threads * _keys));
    }

    /// <summary>Computes.</summary>
    /// <param name="room">As much room as it needs, which the collector does not move.</param>
    /// <param name="threads">Threads, as they were said to <see cref="Needed"/>.</param>
    /// <returns>[rows, 1, hidden].</returns>
    public Tensor Run(float[] room, int threads)
    {
        var result = empty([_rows, 1, _width], ScalarType.Float32);
        fixed (float* first = room)
        {
            Lay(first);
            new ReadOnlySpan<float>(_given, _rows * _width).CopyTo(new(_hidden, _rows * _width));
            Begin(_layers[0]);
            ThreadTeam.Run(threads, Work);
            new ReadOnlySpan<float>(_hidden, _rows * _width).CopyTo(new(TensorPointer.Of(result), _rows * _width));
        }
        GC.KeepAlive(_hiddenOwner);
        GC.KeepAlive(_angles.Cos);
        GC.KeepAlive(_angles.Sin);
        foreach (var map in _layers.SelectMany(layer => layer.Maps)) map.KeepAlive();
        return result;
    }

    private void Lay(float* room)
    {
        float* Next(int width)
        {
            var own = room;
            room += (long)_rows * width;
            return own;
        }
        _hidden = Next(_width);
        _read = Next(_width);
        _maps = Next(MapWidth);
        _joined = Next(Queries);
        _branch = Next(_width);
        _wide = Next(2 * _inner);
        _gated = Next(_inner);
        foreach (var map in _layers.SelectMany(layer => layer.Maps)) room = map.Place(room, _rows);
        _scores = room;
    }

    // What one thread does: the same steps as the others, a share of each.
    private void Work(ThreadTeam team, int shares)
    {
        var scores = _scores + (long)team.Join() * _keys;
        for (var i = 0; i < _layers.Length; i++)
        {
            var layer = _layers[i];
            Multiply(team, layer.Inputs, _read, _width, _maps, MapWidth);
            if (team.Arrive(shares))
            {
                TakeIn(layer);
                team.Release();
            }
            Attend(team, layer, scores);
            if (team.Arrive(shares))
            {
                Read(layer.Output, _joined);
                team.Release();
            }
            Multiply(team, layer.Output, _joined, Queries, _branch, _width);
            if (team.Arrive(shares))
            {
                MapCall.Add(_branch, _hidden, (long)_rows * _width);
                for (var row = 0; row < _rows; row++)
                    layer.Parts.FeedForwardNorm.Normalise(_hidden + row * _width, layer.FeedForwardScale, _read + row * _width);
                Read(layer.GateAndUp, _read);
                team.Release();
            }
            Multiply(team, layer.GateAndUp, _read, _width, _wide, 2 * _inner);
            if (team.Arrive(shares))
            {
                for (var row = 0L; row < _rows; row++)
                    GatedSilu.Multiply(_wide + row * 2 * _inner, _wide + row * 2 * _inner + _inner, _gated + row * _inner, _inner);
                Read(layer.Down, _gated);
                team.Release();
            }
            Multiply(team, layer.Down, _gated, _inner, _branch, _width);
            if (team.Arrive(shares))
            {
                MapCall.Add(_branch, _hidden, (long)_rows * _width);
                if (i + 1 < _layers.Length) Begin(_layers[i + 1]);
                team.Release();
            }
        }
    }

    // A layer's first norm.
    private void Begin(LayerCall layer)
    {
        for (var row = 0; row < _rows; row++)
            layer.Parts.InputNorm.Normalise(_hidden + row * _width, layer.InputScale, _read + row * _width);
        Read(layer.Inputs, _read);
    }

    private void Read(MapCall[] maps, float* x)
    {
        foreach (var map in maps) map.Read(x, _rows);
    }

    // Maps of one input, their outputs beside each other.
    private void Multiply(ThreadTeam team, MapCall[] maps, float* x, int columns, float* y, int outputs)
    {
        // Four rows of blocks go together.
        var least = Math.Max(1, PieceWeights / columns / 4) * 4;
        while (team.TryTake(outputs, least, out var from, out var to))
        {
            var start = 0;
            foreach (var map in maps)
            {
                var (first, last) = (Math.Max(from, start), Math.Min(to, start + map.Outputs));
                if (first < last) map.Multiply(first - start, last - first, x, _rows, y + first, outputs);
                start += map.Outputs;
            }
        }
    }

    // Turns queries and keys by their positions, and puts keys and values into the cache.
    private void TakeIn(LayerCall layer)
    {
        var keys = layer.Keys;
        for (var row = 0; row < _rows; row++)
        {
            var maps = _maps + row * MapWidth;
            var angle = _sameAngles ? 0 : row * _turned;
            for (var head = 0; head < _heads; head++) Turn(maps + head * _dim, layer.Parts.QueryNorm, layer.QueryScale, angle);
            for (var head = 0; head < _keyHeads; head++)
            {
                float* key = maps + Queries + head * _dim, value = key + KeyWidth;
                Turn(key, layer.Parts.KeyNorm, layer.KeyScale, angle);
                var place = (keys.Count - 1L) * _dim;
                new ReadOnlySpan<float>(key, _dim).CopyTo(new(keys.KeysOf(row, head) + place, _dim));
                new ReadOnlySpan<float>(value, _dim).CopyTo(new(keys.ValuesOf(row, head) + place, _dim));
            }
        }
    }

    private void Turn(float* head, Sites.Norm? norm, float* scale, int angle)
    {
        norm?.Normalise(head, scale, head);
        Rotation.Turn(head, head, _cos + angle, _sin + angle, _turned / 2, _dim, 1);
    }

    private void Attend(ThreadTeam team, LayerCall layer, float* scores)
    {
        var (keys, factor) = (layer.Keys, (float)_shape.Attention.Scale);
        var count = Math.Min(keys.Count, layer.Window);
        var skipped = (long)(keys.Count - count) * _dim;
        while (team.TryTake(_rows * _heads, 1, out var from, out var to))
            for (var i = from; i < to; i++)
            {
                var (row, head) = (i / _heads, i % _heads);
                var shared = head / _shape.Attention.Group;
                QueryAttention.Attend(
                    _maps + row * MapWidth + head * _dim, keys.KeysOf(row, shared) + skipped, _dim, keys.ValuesOf(row, shared) + skipped,
                    _dim, count, _dim, factor, scores, _joined + row * Queries + head * _dim);
            }
    }
}
