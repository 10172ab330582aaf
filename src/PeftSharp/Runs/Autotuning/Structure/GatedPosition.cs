using PeftSharp.Methods;

namespace PeftSharp.Runs.Autotuning.Structure;

/// <summary>A place where a module stands, behind a gate.</summary>
/// <param name="Part">Index of the module's part in the union; 0 where there is no union.</param>
/// <param name="Path">Where it stands, for example <c>bert.encoder.layer.0.attention.self.query</c>.</param>
/// <param name="Layer">Its layer; -1 outside of layers.</param>
/// <param name="Weights">Weights that the module trains.</param>
/// <param name="Scaled">Those of its tensors in which its output is linear: times a gate, they give the output times the gate.</param>
internal sealed record GatedPosition(int Part, string Path, int Layer, long Weights, IReadOnlyList<AdapterTensor> Scaled);
