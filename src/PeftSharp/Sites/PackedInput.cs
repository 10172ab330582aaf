using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Puts vectors into each of the sequences that a packed row holds.</summary>
internal static class PackedInput
{
    /// <summary>
    /// The row with the vectors in it; rows with more sequences than others grow more, and the others are padded at the right.
    /// </summary>
    /// <param name="state">A state with segments.</param>
    /// <param name="vectors">[length, hidden].</param>
    /// <param name="afterFirst">True puts them after each sequence's first token.</param>
    public static InputState Insert(InputState state, Tensor vectors, bool afterFirst)
    {
        var (rows, tokens, length) = ((int)state.Embeddings.shape[0], (int)state.Embeddings.shape[1], (int)vectors.shape[0]);
        var segments = state.Segments!.cpu().contiguous().data<long>().ToArray();
        var layouts = Enumerable.Range(0, rows).Select(row => Layout(segments.AsSpan(row * tokens, tokens), length, afterFirst)).ToArray();
        var width = layouts.Max(layout => layout.Count);
        var (from, numbers, moved) = (new long[rows * width], new long[rows * width], new long[rows * tokens]);
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < layouts[row].Count; column++)
            {
                var (source, segment) = layouts[row][column];
                (from[row * width + column], numbers[row * width + column]) = (source, segment);
                if (source >= length) moved[row * tokens + source - length] = column;
            }
        var device = state.Embeddings.device;
        var joined = cat([vectors.unsqueeze(0).expand(rows, length, vectors.shape[1]), state.Embeddings], 1);
        var index = tensor(from, [rows, width, 1], device: device).expand(rows, width, vectors.shape[1]);
        var own = tensor(numbers, [rows, width], device: device);
        return state with
        {
            Embeddings = joined.gather(1, index),
            Segments = own,
            Mask = numbers.Contains(0) ? own.sign() : null,
            TypeIds = null,
            Prepended = true,
            Places = state.Places is { } places ? [.. places.Select((place, i) => moved[i / (places.Length / rows) * tokens + place])]
                : moved,
        };
    }

    // For each column of a row: where it comes from (the vectors, then the tokens) and its sequence. Padding at the end is left out.
    private static List<(long Source, long Segment)> Layout(ReadOnlySpan<long> segments, int length, bool afterFirst)
    {
        var layout = new List<(long, long)>(segments.Length + length);
        for (var token = 0; token < segments.Length && segments[token] != 0; token++)
        {
            var starts = token == 0 || segments[token] != segments[token - 1];
            if (afterFirst) layout.Add((length + token, segments[token]));
            if (starts)
                for (var vector = 0; vector < length; vector++) layout.Add((vector, segments[token]));
            if (!afterFirst) layout.Add((length + token, segments[token]));
        }
        return layout;
    }
}
