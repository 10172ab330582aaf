using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Applying a plug-in to the rows that its adapter acts on.</summary>
internal static class Rows
{
    /// <summary>The rows of a tensor that an index selects; null selects all.</summary>
    public static Tensor Select(Tensor x, Tensor? rows) => rows is null ? x : x.index_select(0, rows);

    /// <summary>Adds <paramref name="delta"/>, computed for the selected rows, to <paramref name="y"/>.</summary>
    public static Tensor Add(Tensor y, Tensor delta, Tensor? rows) => rows is null ? y.Plus(delta) : y.PlusAt(rows, delta);

    /// <summary>Puts <paramref name="values"/> in place of the selected rows of <paramref name="y"/>.</summary>
    public static Tensor Put(Tensor y, Tensor values, Tensor? rows) => rows is null ? values : y.index_copy(0, rows, values);
}
