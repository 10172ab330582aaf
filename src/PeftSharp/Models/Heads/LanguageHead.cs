using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>
/// The next token at each position: logits [rows, tokens, vocabulary]; labels are the tokens themselves, [rows, tokens], −100 where none
/// counts.
/// </summary>
/// <param name="output">Makes the logits.</param>
/// <param name="cap">Bounds logits l to cap · tanh(l / cap) (Gemma 2); null (default) leaves them.</param>
internal sealed class LanguageHead(ProjectionSite output, double? cap = null) : TaskHead
{
    /// <inheritdoc/>
    public override TaskKind Kind => TaskKind.CausalLanguage;

    /// <inheritdoc/>
    public override int Outputs { get; } = (int)output.OutFeatures;

    /// <inheritdoc/>
    internal override bool ReadsFirstTokenOnly => false;

    /// <inheritdoc/>
    internal override string TaskType => "CAUSAL_LM";

    /// <inheritdoc/>
    internal override ProjectionSite? VocabularyMap => output;

    /// <inheritdoc/>
    internal override int Ahead => 1;

    /// <inheritdoc/>
    internal override Tensor Forward(Tensor hidden, Tensor? mask, ForwardContext context)
    {
        var logits = output.Forward(hidden, context);
        return cap is { } most ? logits.Times(1 / most).tanh().Times(most) : logits;
    }

    /// <inheritdoc/>
    /// <remarks>The logits of a position are scored against the label of the next. Virtual tokens come first and have no labels.</remarks>
    internal override BatchLoss Loss(ModelOutput output, Tensor labels, Tensor? mask = null)
    {
        var tokens = labels.shape[1];
        var added = output.Logits.shape[1] - tokens;
        // A virtual token's logits predict a real token only where the last of them does: the first real one.
        var first = Math.Max(0, added - 1);
        var (logits, next) = added > 0
            ? (output.Logits.narrow(1, first, tokens), labels)
            : (output.Logits.narrow(1, 0, tokens - 1), labels.narrow(1, 1, tokens - 1));
        return Losses.CrossEntropy(logits.flatten(0, 1), next.flatten());
    }
}
