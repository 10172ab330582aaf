using PeftSharp.Methods;

namespace PeftSharp.Analysis.Combining;

/// <summary>A new adapter made of others.</summary>
/// <param name="Adapter">The adapter, attached to the model.</param>
/// <param name="Energy">The share of the matrices' ‖ΔW‖² that cutting to a rank has kept; 1 where nothing was cut.</param>
public sealed record CombinedAdapter(PeftMethod Adapter, double Energy);
