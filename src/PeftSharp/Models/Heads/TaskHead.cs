using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Models.Heads;

/// <summary>How a sequence becomes one vector.</summary>
public enum Pooling
{
    /// <summary>The model's own pooler over the first token, as Hugging Face does.</summary>
    Pooler,
    /// <summary>The first token's vector as it is.</summary>
    Cls,
    /// <summary>The mean over real tokens, what sentence models want.</summary>
    Mean,
}

/// <summary>What a model is asked for.</summary>
public enum TaskKind
{
    /// <summary>A sentence vector; no head.</summary>
    Embedding,
    /// <summary>One of several classes.</summary>
    Classification,
    /// <summary>Any number of several classes at once, each with a probability of its own (a sigmoid).</summary>
    MultiLabel,
    /// <summary>A number.</summary>
    Regression,
    /// <summary>A class for each token.</summary>
    TokenClassification,
    /// <summary>The start and end of an answer.</summary>
    QuestionAnswering,
}

/// <summary>The part of a model that answers the task.</summary>
public abstract class TaskHead
{
    /// <summary>The task.</summary>
    public abstract TaskKind Kind { get; }

    /// <summary>Number of outputs per row (or per token).</summary>
    public abstract int Outputs { get; }

    /// <summary>True if the head reads the first position alone.</summary>
    public abstract bool ReadsFirstTokenOnly { get; }

    /// <summary>Names of the head's modules; they are trained and saved with an adapter, as peft does.</summary>
    public virtual IReadOnlyList<string> Modules => [];

    /// <summary>peft's name of the task.</summary>
    public abstract string TaskType { get; }

    /// <summary>Hidden states [rows, tokens, hidden] → logits.</summary>
    public abstract Tensor Forward(Tensor hidden, Tensor? mask, ForwardContext context);

    /// <summary>True if <see cref="Pooled"/> makes one vector of a sequence.</summary>
    public virtual bool Pools => false;

    /// <summary>The head's first part, which holds no weights: hidden states [rows, tokens, hidden] → [rows, 1, hidden]; unchanged where the head reads every token.</summary>
    public virtual Tensor Pooled(Tensor hidden, Tensor? mask) => hidden;

    /// <summary>The map that reads the pooled vector, if nothing is dropped before it: its result can be kept as long as it stays as it is; null for none.</summary>
    public virtual ProjectionSite? Pooler => null;

    /// <summary>What the pooler makes of the pooled vector, [rows, 1, hidden].</summary>
    public virtual Tensor Condense(Tensor pooled, ForwardContext context) => pooled;

    /// <summary>The rest of the head: what <see cref="Condense"/> gave → logits.</summary>
    public virtual Tensor Answer(Tensor condensed, ForwardContext context) => Forward(condensed, null, context);

    /// <summary>True if the logits are one answer for each token: virtual tokens, which an adapter puts before them, have none.</summary>
    public virtual bool AnswersEachToken => false;

    /// <summary>The mean loss over what is labelled, and how much that is.</summary>
    /// <param name="output">What the model made of the batch.</param>
    /// <param name="labels">The batch's labels.</param>
    /// <param name="mask">1 at the batch's real tokens, int64 [rows, tokens]; null where every position counts as real.</param>
    /// <exception cref="PeftException">The labels do not fit the head.</exception>
    public abstract BatchLoss Loss(ModelOutput output, Tensor labels, Tensor? mask = null);
}
