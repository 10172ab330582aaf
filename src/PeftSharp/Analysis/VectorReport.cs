using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Analysis;

/// <summary>A bias, or a norm's scale or shift, that an adapter changes.</summary>
/// <param name="Name">The tensor.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Norm">‖Δ‖.</param>
/// <param name="BaseNorm">The base tensor's norm.</param>
public sealed record VectorReport(string Name, SlotKind Kind, double Norm, double BaseNorm);
