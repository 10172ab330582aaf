namespace PeftSharp.Analysis.Entries;

/// <summary>How many weights of one module a sparse adapter changes.</summary>
/// <param name="Region">The path of its layer; <c>embeddings</c> or <c>above</c> outside the layers.</param>
/// <param name="Module">Its path inside the layer; outside the layers the whole path.</param>
/// <param name="Changed">Number of changed weights.</param>
/// <param name="Count">Number of weights.</param>
public sealed record ChangedPlace(string Region, string Module, long Changed, long Count)
{
    /// <summary>The share that is changed.</summary>
    public double Share => (double)Changed / Count;
}
