using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>Start and end of an answer: logits [rows, tokens, 2]; labels [rows, 2].</summary>
/// <param name="outputs">The map to start and end.</param>
/// <param name="module">What that map is called, as peft finds it; default <c>qa_outputs</c>.</param>
internal sealed class AnswerHead(ProjectionSite outputs, string module = "qa_outputs") : TaskHead
{
    /// <inheritdoc/>
    public override TaskKind Kind => TaskKind.QuestionAnswering;

    /// <inheritdoc/>
    public override int Outputs => 2;

    /// <inheritdoc/>
    internal override bool ReadsFirstTokenOnly => false;

    /// <inheritdoc/>
    internal override IReadOnlyList<string> Modules => [module];

    /// <inheritdoc/>
    internal override string TaskType => "QUESTION_ANS";

    /// <inheritdoc/>
    internal override Tensor Forward(Tensor hidden, Tensor? mask, ForwardContext context) => outputs.Forward(hidden, context);

    /// <inheritdoc/>
    internal override bool AnswersEachToken => true;

    /// <inheritdoc/>
    /// <remarks>
    /// Starts and ends that lie outside the text are left out (an answer that was cut off); each of the others is half a span. Padding is
    /// no place where an answer can start: the softmax goes over real tokens, so that a row's loss does not depend on the rows beside it.
    /// </remarks>
    internal override BatchLoss Loss(ModelOutput output, Tensor labels, Tensor? mask = null)
    {
        var logits = output.Logits.transpose(1, 2);                              // [rows, 2, tokens]
        var tokens = logits.shape[2];
        if (labels.dim() != 2 || labels.shape[0] != logits.shape[0] || labels.shape[1] != 2)
            throw new PeftException(
                $"The labels have the shape [{string.Join(", ", labels.shape)}]; answers need [{logits.shape[0]}, 2], the first and last "
                + "token of each.");
        var inside = labels.NotBelow(0L).logical_and(labels.IsBelow(tokens));
        if (mask is not null)
        {
            var places = labels.AtLeast(0L).AtMost(tokens - 1);
            inside = inside.logical_and(mask.gather(1, places).IsNot(0));
            logits = logits.Plus(mask.Complement().to(logits.dtype).Scale(Attention.Masked).unsqueeze(1));
        }
        var ignored = Arithmetic.Filled(labels.shape, Losses.Ignored, ScalarType.Int64, labels.device);
        var (mean, weight) = Losses.CrossEntropy(logits.flatten(0, 1), where(inside, labels, ignored).flatten());
        return new(mean, weight / 2);
    }
}
