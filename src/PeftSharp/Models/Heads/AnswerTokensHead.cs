using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>
/// The answer's tokens: logits [rows, answer tokens, vocabulary]; labels are these tokens, [rows, answer tokens], −100 where none counts.
/// </summary>
/// <param name="output">Makes the logits.</param>
/// <param name="scale">What hidden states are multiplied by before.</param>
internal sealed class AnswerTokensHead(ProjectionSite output, double scale) : TaskHead
{
    /// <inheritdoc/>
    public override TaskKind Kind => TaskKind.SequenceToSequence;

    /// <inheritdoc/>
    public override int Outputs { get; } = (int)output.OutFeatures;

    /// <inheritdoc/>
    internal override bool ReadsFirstTokenOnly => false;

    /// <inheritdoc/>
    internal override string TaskType => "SEQ_2_SEQ_LM";

    /// <inheritdoc/>
    internal override ProjectionSite? VocabularyMap => output;

    /// <inheritdoc/>
    internal override Tensor Forward(Tensor hidden, Tensor? mask, ForwardContext context) =>
        output.Forward(scale == 1 ? hidden : hidden.Times(scale), context);

    /// <inheritdoc/>
    internal override BatchLoss Loss(ModelOutput output, Tensor labels, Tensor? mask = null)
    {
        var added = output.Logits.shape[1] - labels.shape[1];
        return Losses.CrossEntropy(output.Logits.narrow(1, added, labels.shape[1]).flatten(0, 1), labels.flatten());
    }
}
