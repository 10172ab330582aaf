using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>The part of a model that answers the task.</summary>
public abstract class TaskHead
{
    /// <summary>The task.</summary>
    public abstract TaskKind Kind { get; }

    /// <summary>Number of outputs per row (or per token).</summary>
    public abstract int Outputs { get; }

    /// <summary>True if the head reads the first position alone.</summary>
    internal abstract bool ReadsFirstTokenOnly { get; }

    /// <summary>Names of the head's modules; they are trained and saved with an adapter, as peft does.</summary>
    internal virtual IReadOnlyList<string> Modules => [];

    /// <summary>peft's name of the task.</summary>
    internal abstract string TaskType { get; }

    /// <summary>
    /// The linear maps from the pooled vector to the logits, each with the activation behind it; empty where there is no such chain.
    /// </summary>
    internal virtual IReadOnlyList<HeadStage> Stages => [];

    /// <summary>Hidden states [rows, tokens, hidden] → logits.</summary>
    internal abstract Tensor Forward(Tensor hidden, Tensor? mask, ForwardContext context);

    /// <summary>True if <see cref="Pooled"/> makes one vector of a sequence.</summary>
    internal virtual bool Pools => false;

    /// <summary>
    /// The head's first part, which holds no weights: hidden states [rows, tokens, hidden] → [rows, 1, hidden]; unchanged where the head
    /// reads every token.
    /// </summary>
    internal virtual Tensor Pooled(Tensor hidden, Tensor? mask) => hidden;

    /// <summary>
    /// The map that reads the pooled vector, if nothing is dropped before it: its result can be kept as long as it stays as it is; null for
    /// none.
    /// </summary>
    internal virtual ProjectionSite? Pooler => null;

    /// <summary>What the pooler makes of the pooled vector, [rows, 1, hidden].</summary>
    internal virtual Tensor Condense(Tensor pooled, ForwardContext context) => pooled;

    /// <summary>The rest of the head: what <see cref="Condense"/> gave → logits.</summary>
    internal virtual Tensor Answer(Tensor condensed, ForwardContext context) => Forward(condensed, null, context);

    /// <summary>True if the logits are one answer for each token: virtual tokens, which an adapter puts before them, have none.</summary>
    internal virtual bool AnswersEachToken => false;

    /// <summary>The map that yields the outputs, where adapters may have one of another width; null where they may not.</summary>
    internal virtual ProjectionSite? OutputMap => null;

    /// <summary>
    /// The map that yields the logits of a vocabulary, whose loss is computed in chunks; null where the head has few outputs.
    /// </summary>
    internal virtual ProjectionSite? VocabularyMap => null;

    /// <summary>
    /// So many places before a label stands what answers for it, where <see cref="VocabularyMap"/> is: 1 for the next token, 0 for the own.
    /// </summary>
    internal virtual int Ahead => 0;

    /// <summary>Outputs of each row where adapters with heads of their own act on some of them; null where all have as many.</summary>
    internal int[]? Widths(AdapterSelection selection)
    {
        if (!selection.IsPerRow || !HasOwn(selection)) return null;
        int[] widths = [.. Enumerable.Range(0, selection.Rows).Select(row => selection.OutputsOfRow(row) ?? Outputs)];
        return widths.Distinct().Count() == 1 ? null : widths;
    }

    /// <summary>
    /// Applies the output map: [rows, …, in] → [rows, …, outputs]. Where rows have heads of several widths, narrower ones are filled up
    /// with −∞ at the right.
    /// </summary>
    private protected static Tensor Project(ProjectionSite map, Tensor x, ForwardContext context)
    {
        var selection = context.Selection;
        if (!selection.IsPerRow || !HasOwn(selection)) return map.Forward(x, context);
        var parts = new List<(Tensor Rows, Tensor Outputs)>();
        foreach (var part in selection.Parts)
        {
            var rows = context.RowsOf(part)!;
            parts.Add((rows, map.Forward(Rows.Select(x, rows), context.For(part))));
        }
        if (selection.FreeRows is { Length: > 0 } plain)
        {
            var rows = tensor(plain, ScalarType.Int64, device: x.device);
            parts.Add((rows, map.Forward(Rows.Select(x, rows), context.WithoutAdapters())));
        }
        var widest = parts.Max(part => part.Outputs.shape[^1]);
        long[] shape = [.. x.shape[..^1], widest];
        var result = Arithmetic.Filled(shape, double.NegativeInfinity, parts[0].Outputs.dtype, x.device);
        foreach (var (rows, outputs) in parts) result = Rows.Put(result, FillUp(outputs, widest), rows);
        return result;
    }

    private static Tensor FillUp(Tensor outputs, long width)
    {
        var missing = width - outputs.shape[^1];
        if (missing == 0) return outputs;
        long[] shape = [.. outputs.shape[..^1], missing];
        return cat([outputs, Arithmetic.Filled(shape, double.NegativeInfinity, outputs.dtype, outputs.device)], -1);
    }

    private static bool HasOwn(AdapterSelection selection)
    {
        foreach (var part in selection.Parts)
            if (part.Tree.Outputs is not null) return true;
        return false;
    }

    /// <summary>The mean loss over what is labelled, and how much that is.</summary>
    /// <param name="output">What the model made of the batch.</param>
    /// <param name="labels">The batch's labels.</param>
    /// <param name="mask">1 at the batch's real tokens, int64 [rows, tokens]; null where every position counts as real.</param>
    /// <exception cref="PeftException">The labels do not fit the head.</exception>
    internal abstract BatchLoss Loss(ModelOutput output, Tensor labels, Tensor? mask = null);
}
