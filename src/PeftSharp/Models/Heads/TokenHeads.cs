using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>A class for each token; label -100 is ignored.</summary>
internal sealed class TokenHead(double dropout, ProjectionSite classifier) : TaskHead
{
    /// <inheritdoc/>
    public override TaskKind Kind => TaskKind.TokenClassification;

    /// <inheritdoc/>
    public override int Outputs { get; } = (int)classifier.OutFeatures;

    /// <inheritdoc/>
    internal override bool ReadsFirstTokenOnly => false;

    /// <inheritdoc/>
    internal override IReadOnlyList<string> Modules => ["classifier", "score"];

    /// <inheritdoc/>
    internal override string TaskType => "TOKEN_CLS";

    /// <inheritdoc/>
    internal override Tensor Forward(Tensor hidden, Tensor? mask, ForwardContext context) =>
        Project(classifier, Dropout.Apply(hidden, dropout, classifier.Path, context), context); // [rows, tokens, outputs]

    /// <inheritdoc/>
    internal override ProjectionSite OutputMap => classifier;

    /// <inheritdoc/>
    internal override bool AnswersEachToken => true;

    /// <inheritdoc/>
    internal override BatchLoss Loss(ModelOutput output, Tensor labels, Tensor? mask = null)
    {
        var logits = output.Logits;
        if (labels.dim() != 2 || labels.shape[0] != logits.shape[0] || labels.shape[1] != logits.shape[1])
            throw new PeftException(
                $"The labels have the shape [{string.Join(", ", labels.shape)}]; a class for each token needs [{logits.shape[0]}, "
                + $"{logits.shape[1]}], with -100 where there is none.");
        return Losses.CrossEntropy(logits.flatten(0, 1), labels.flatten());
    }
}
