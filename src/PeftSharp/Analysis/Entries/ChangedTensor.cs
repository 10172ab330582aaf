namespace PeftSharp.Analysis.Entries;

/// <summary>The entries of one base tensor that a sparse adapter changes (or a mask switches off).</summary>
/// <param name="Name">The tensor.</param>
/// <param name="Region">The path of its layer; <c>embeddings</c> or <c>above</c> outside the layers.</param>
/// <param name="Module">Its module's path inside the layer; outside the layers the whole path.</param>
/// <param name="Count">Number of its entries.</param>
/// <param name="Positions">Row-major positions of the changed ones, ascending.</param>
public sealed record ChangedTensor(string Name, string Region, string Module, long Count, IReadOnlyList<long> Positions)
{
    /// <summary>The share of its entries that are changed.</summary>
    public double Share => (double)Positions.Count / Count;
}
