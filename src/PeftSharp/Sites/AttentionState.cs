using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>What a plug-in sees of an attention.</summary>
/// <param name="Hidden">The attention's input, [rows, tokens, hidden].</param>
/// <param name="Query">Queries after rotary, [rows, heads, tokens, headDim].</param>
/// <param name="Site">The site, with its projections.</param>
public readonly record struct AttentionState(Tensor Hidden, Tensor Query, AttentionSite Site);
