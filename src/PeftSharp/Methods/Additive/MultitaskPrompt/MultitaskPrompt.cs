using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.MultitaskPrompt;

/// <summary>The prompt of one task.</summary>
internal sealed class MultitaskPrompt(AdapterTensor shared, AdapterTensor columns, AdapterTensor rows, int usual, int length) : IInputPlugin
{
    public InputStage Stage => InputStage.Words;

    public int Length => length;

    public Tensor Vectors(ForwardContext context)
    {
        var task = context.Task ?? usual;
        var factor = matmul(columns.Get(context)[task], rows.Get(context)[task]);                    // [vectors, width]
        return (shared.Get(context) * factor).narrow(0, 0, length);
    }
}
