using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.PTuning;

/// <summary>The vectors that a network makes from an embedding, put before the words.</summary>
internal sealed class PromptEncoder(AdapterTensor embedding, IPromptNetwork network, int tokens) : IInputPlugin
{
    /// <summary>
    /// Vectors read from a file that holds only what the network once yielded; they stand in until training starts again.
    /// </summary>
    public Tensor? Fixed { get; set; }

    public InputStage Stage => InputStage.Words;

    public int Length => tokens;

    /// <summary>[tokens, width]; what is made beyond the length belongs to an input that reads none.</summary>
    public Tensor Vectors(ForwardContext context) => All(context).narrow(0, 0, tokens);

    private Tensor All(ForwardContext context) =>
        Fixed is not null && !context.Training ? Fixed : network.Forward(embedding.Get(context), context);

    /// <summary>What the network yields where its adapter alone acts.</summary>
    public Tensor Yield(AdapterTag tag)
    {
        var context = new ForwardContext { Selection = AdapterSelection.Of(tag) };
        try
        {
            return All(context).clone();
        }
        finally
        {
            context.Release();
        }
    }
}
