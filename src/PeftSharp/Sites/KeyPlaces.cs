namespace PeftSharp.Sites;

/// <summary>Where the float32 keys and values of an attention lie, until the cache grows again.</summary>
/// <param name="Keys">The first key of the first head of the first row.</param>
/// <param name="Values">The same of the values.</param>
/// <param name="HeadStep">Numbers from a head to the next.</param>
/// <param name="RowStep">Numbers from a row to the next.</param>
/// <param name="Count">Keys of each head.</param>
internal readonly unsafe record struct KeyPlaces(nint Keys, nint Values, long HeadStep, long RowStep, int Count)
{
    /// <summary>The first key of a head.</summary>
    public float* KeysOf(int row, int head) => (float*)Keys + row * RowStep + head * HeadStep;

    /// <summary>The first value of a head.</summary>
    public float* ValuesOf(int row, int head) => (float*)Values + row * RowStep + head * HeadStep;
}
