using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A plug-in's part in a call.</summary>
/// <param name="Owner">Its adapter.</param>
/// <param name="Plugin">The plug-in.</param>
/// <param name="Rows">Index (int64) of the rows that it acts on; null for all.</param>
/// <param name="Context">The call as the plug-in sees it: for those rows alone.</param>
internal readonly record struct Share<T>(AdapterTag Owner, T Plugin, Tensor? Rows, ForwardContext Context);
