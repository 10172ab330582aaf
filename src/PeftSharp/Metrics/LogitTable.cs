namespace PeftSharp.Metrics;

/// <summary>Collects the outputs of batches made in any order, and gives them back in the dataset's order.</summary>
/// <param name="rows">Rows of the dataset.</param>
/// <param name="width">Numbers a row: the number of labels, 1 for regression.</param>
public sealed class LogitTable(int rows, int width)
{
    private readonly float[] _values = new float[checked(rows * width)];
    private readonly bool[] _filled = new bool[rows];

    /// <summary>Numbers a row.</summary>
    public int Width { get; } = width;

    /// <summary>Puts a batch's outputs in their places.</summary>
    /// <param name="source">For each row of the batch, its row in the dataset.</param>
    /// <param name="outputs">[batch rows, width], row by row.</param>
    internal void Add(IReadOnlyList<int> source, ReadOnlySpan<float> outputs)
    {
        if (outputs.Length != source.Count * Width)
            throw new ArgumentException($"{outputs.Length} numbers were given for {source.Count} rows of {Width}.", nameof(outputs));
        for (var i = 0; i < source.Count; i++)
        {
            outputs.Slice(i * Width, Width).CopyTo(_values.AsSpan(source[i] * Width));
            _filled[source[i]] = true;
        }
    }

    /// <summary>All outputs, [rows, width], in the dataset's order.</summary>
    /// <exception cref="InvalidOperationException">A row has not been added.</exception>
    public ReadOnlySpan<float> Values
    {
        get
        {
            var missing = Array.IndexOf(_filled, false);
            return missing < 0 ? _values : throw new InvalidOperationException($"Row {missing} has no outputs yet; add every batch first.");
        }
    }
}
