using PeftSharp.Sites;

namespace PeftSharp.Methods.Additive.Lst;

/// <summary>What the side network does behind one layer.</summary>
/// <param name="Down">Narrows the layer's output, [side, hidden].</param>
/// <param name="Bias">[side].</param>
/// <param name="Gate">α, [1]; null behind the embeddings, where there is no state yet.</param>
/// <param name="Block">What reads the mixture; null behind the embeddings.</param>
internal sealed record LadderStep(AdapterTensor Down, AdapterTensor Bias, AdapterTensor? Gate, SideBlock? Block);
