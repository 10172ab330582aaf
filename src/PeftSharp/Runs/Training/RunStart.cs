using PeftSharp.Methods;

namespace PeftSharp.Runs.Training;

/// <summary>What a run starts from.</summary>
/// <param name="Options">The method's settings.</param>
/// <param name="Continued">The adapter that it goes on with; null for a new one.</param>
/// <param name="Fused">The adapters that it trains a fusion of; null for none.</param>
internal sealed record RunStart(MethodOptions Options, ContinuedAdapter? Continued, FusedAdapters? Fused);
