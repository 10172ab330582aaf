using PeftSharp.Data;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>What a forward pass yields.</summary>
/// <param name="Logits">The head's output; for plain embeddings, the pooled vectors [rows, hidden].</param>
/// <param name="Hidden">The last layer's output, [rows, tokens, hidden]; the first token alone where no more was needed.</param>
/// <param name="Mask">1 at real tokens of <paramref name="Hidden"/> (virtual tokens included), int64 [rows, tokens]; null if nothing is padded.</param>
public sealed record ModelOutput(Tensor Logits, Tensor Hidden, Tensor? Mask);

/// <summary>A pretrained transformer with its seams open; it knows no method.</summary>
public abstract class TransformerModel
{
    private Device? _device;

    /// <summary>The configuration that it was built from.</summary>
    public abstract ModelConfig Config { get; }

    /// <summary>Every slot and site.</summary>
    public abstract SiteMap Sites { get; }

    /// <summary>The task's head.</summary>
    public abstract TaskHead Head { get; }

    /// <summary>Prefix of the base model's tensors in a model with a head, for example <c>bert.</c>.</summary>
    public abstract string BasePrefix { get; }

    /// <summary>Width of the residual stream.</summary>
    public abstract int Width { get; }

    /// <summary>Longest sequence, in tokens.</summary>
    public abstract int MaxTokens { get; }

    /// <summary>Tensors that the checkpoint lacked and that were made anew (a fresh head).</summary>
    public abstract IReadOnlyList<string> Created { get; }

    private protected abstract bool CameFromCheckpoint { get; }

    /// <summary>What its answers depend on besides tensors.</summary>
    public AnswerCard Card { get; internal set; } = new() { Task = TaskKind.Embedding };

    /// <summary>What its checkpoint leaves to be said, a sentence each.</summary>
    public IReadOnlyList<string> Remarks { get; internal set; } = [];

    /// <summary>Names of the classes in the order of the outputs; LABEL_0 and so on where they have none, empty where there are no classes.</summary>
    public IReadOnlyList<string> Labels => Card.Labels ?? (Head.Kind is TaskKind.Regression or TaskKind.Embedding or TaskKind.QuestionAnswering ? [] : LabelNames.Defaults(Head.Outputs));

    /// <summary>
    /// Modules that are trained and saved with every adapter: the head's, and those that the checkpoint lacked (a pooler after masked-language training):
    /// what was drawn at random is known to nobody else.
    /// </summary>
    public IReadOnlyList<string> SavedModules => !CameFromCheckpoint || Head.Modules.Count == 0 ? Head.Modules
        : [.. Head.Modules, .. Created.Where(name => name.StartsWith(BasePrefix, StringComparison.Ordinal)).Select(name => name[BasePrefix.Length..].Split('.')[0]).Except(Head.Modules).Distinct()];

    /// <summary>Where the model's weights live.</summary>
    public Device Device => _device ??= Sites.Slots[0].Value.device;

    /// <summary>Element type of the residual stream and of adapters: float64 in checks of gradients, else float32.</summary>
    internal ScalarType Precision => Sites.Slots[0].Value.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;

    /// <summary>Runs the model on a batch, from wherever the batch is.</summary>
    public abstract ModelOutput Forward(TokenBatch batch, ForwardContext context);

    /// <summary>Number of layers.</summary>
    public int Layers => Sites.Layers.Count(l => l.Layer >= 0);

    /// <summary>Runs the lower part of the model, as far as a batch's <see cref="TokenBatch.Trunk"/> may hold it; <see cref="Forward"/> goes on from there.</summary>
    /// <param name="depth">So many layers, from 1; the head's pooling is done with the last of them, and its <see cref="TaskHead.Pooler"/> with one more.</param>
    /// <param name="batch">The tokens.</param>
    /// <param name="context">The call.</param>
    /// <returns>[rows, tokens, hidden]; [rows, 1, hidden] once the head has pooled.</returns>
    /// <exception cref="PeftException">The architecture does not run in parts.</exception>
    public virtual Tensor ForwardTo(int depth, TokenBatch batch, ForwardContext context) =>
        throw new PeftException($"Models of type {Config.ModelType} do not run in parts yet, so no trunk of them can be cached; leave cache_trunk out.");

    /// <summary>The loss of a batch with its graph, and the weight with which the batch counts beside others.</summary>
    /// <exception cref="PeftException">The batch has no labels, or labels that do not fit the head.</exception>
    public BatchLoss Loss(TokenBatch batch, ForwardContext context)
    {
        var labels = batch.Labels?.to(Device) ?? throw new PeftException("The batch has no labels; name the label column of the data.");
        return Head.Loss(Forward(batch, context), labels, batch.Unpadded ? null : batch.AttentionMask.to(Device));
    }
}
