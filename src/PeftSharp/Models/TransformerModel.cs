using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>A pretrained transformer with its seams open; it knows no method.</summary>
/// <remarks>
/// Any number of threads may call <see cref="Forward"/> at once. <see cref="Dispose"/> releases the weights and the mapped files below them
/// when the last call under way has ended; later calls throw <see cref="ObjectDisposedException"/>.
/// </remarks>
public abstract class TransformerModel : IDisposable
{
    private readonly UseCount _calls = new();
    private Device? _device;

    /// <summary>The configuration that it was built from.</summary>
    public abstract ModelConfig Config { get; }

    /// <summary>Every slot and site.</summary>
    public abstract SiteMap Sites { get; }

    /// <summary>The task's head.</summary>
    public abstract TaskHead Head { get; }

    /// <summary>Prefix of the base model's tensors in a model with a head, for example <c>bert.</c>.</summary>
    internal abstract string BasePrefix { get; }

    /// <summary>Width of the residual stream.</summary>
    public abstract int Width { get; }

    /// <summary>Width of the states that the head reads; that of the residual stream unless a last map makes another of it.</summary>
    internal virtual int StateWidth => Width;

    /// <summary>Longest sequence, in tokens.</summary>
    public abstract int MaxTokens { get; }

    /// <summary>Tensors that the checkpoint lacked and that were made anew (a fresh head).</summary>
    public abstract IReadOnlyList<string> Created { get; }

    /// <summary>A tensor of the head that the checkpoint has in another shape, with both shapes; null where there is none.</summary>
    internal abstract string? Misfit { get; }

    private protected abstract bool CameFromCheckpoint { get; }

    /// <summary>What its answers depend on besides tensors.</summary>
    internal AnswerCard Card { get; set; } = new() { Task = TaskKind.Embedding };

    /// <summary>
    /// True if the head answers from another vector than Hugging Face's own class does, so that files in its layout would be answered
    /// otherwise in silence: such a model is written in the layout of sentence-transformers, and an adapter of it has a task that peft
    /// refuses.
    /// </summary>
    internal bool HasOwnPooling => Head.Stages.Count > 0 && Card.IsApart(Config.ModelType);

    /// <summary>Tensors that its checkpoint lacked and no merged adapter brought since: random, and not to be taken for trained.</summary>
    internal IEnumerable<string> Drawn => !CameFromCheckpoint || Created.Count == 0 ? []
        : Sites.Slots.Where(s => Created.Contains(s.Name) && !s.IsMerged).Select(s => s.Name);

    /// <summary>What its checkpoint leaves to be said, a sentence each.</summary>
    public IReadOnlyList<string> Remarks { get; internal set; } = [];

    /// <summary>
    /// Names of the classes in the order of the outputs; LABEL_0 and so on where they have none, empty where there are no classes.
    /// </summary>
    public IReadOnlyList<string> Labels =>
        Card.Labels
            ?? (
                Head.Kind is not (TaskKind.Classification or TaskKind.MultiLabel or TaskKind.TokenClassification)
                    ? []
                    : LabelNames.Defaults(Head.Outputs));

    /// <summary>
    /// Modules that are trained and saved with every adapter: the head's, and those that the checkpoint lacked (a pooler after
    /// masked-language training): what was drawn at random is known to nobody else.
    /// </summary>
    internal IReadOnlyList<string> SavedModules => !CameFromCheckpoint || Head.Modules.Count == 0 ? Head.Modules
        : [
            .. Head.Modules,
            .. Created.Select(ModuleOf)
                .Where(module => !Head.Modules.Any(known => module.EndsWith(known, StringComparison.Ordinal)))
                .Distinct(),
        ];

    // The outermost module of a tensor, the base's prefix aside.
    private string ModuleOf(string name) =>
        (name.StartsWith(BasePrefix, StringComparison.Ordinal) ? name[BasePrefix.Length..] : name).Split('.')[0];

    /// <summary>The layout of its head, where that is AdapterHub's flexible one.</summary>
    internal FlexibleHead? FlexibleHead { get; private protected set; }

    /// <summary>Where the model's weights live.</summary>
    public Device Device => _device ??= Sites.Slots[0].Value.device;

    /// <summary>Element type of the residual stream and of adapters: float64 in checks of gradients, else float32.</summary>
    internal ScalarType Precision => Sites.Slots[0].Value.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;

    /// <summary>
    /// Runs the model on a batch, from wherever the batch is. Where gradients are enabled and something is trained, the result carries its
    /// graph; <c>PeftModel.Forward</c> is the way without.
    /// </summary>
    /// <returns>Tensors in the caller's dispose scope; everything else is released before this returns.</returns>
    /// <exception cref="PeftException">The batch does not fit the model or the selection, or a selected adapter was removed.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed.</exception>
    public abstract ModelOutput Forward(TokenBatch batch, ForwardContext context);

    /// <summary>Number of layers.</summary>
    public int Layers => Sites.Layers.Count(l => l.Layer >= 0);

    /// <summary>True if <see cref="ForwardTo"/> can run a lower part of the model alone.</summary>
    internal virtual bool RunsInParts => false;

    /// <summary>
    /// Runs the lower part of the model, as far as a batch's <see cref="TokenBatch.Trunk"/> may hold it; <see cref="Forward"/> goes on from
    /// there.
    /// </summary>
    /// <param name="depth">So many layers, from 1; the head's pooling is done with the last of them, and its <see cref="TaskHead.Pooler"/>
    /// with one more.</param>
    /// <param name="batch">The tokens.</param>
    /// <param name="context">The call.</param>
    /// <returns>[rows, tokens, hidden]; [rows, 1, hidden] once the head has pooled.</returns>
    /// <exception cref="PeftException">The architecture does not run in parts.</exception>
    internal virtual Tensor ForwardTo(int depth, TokenBatch batch, ForwardContext context) =>
        throw new PeftException(
            $"Models of type {Config.ModelType} do not run in parts yet, so no trunk of them can be cached; leave cache_trunk out.");

    /// <summary>The loss of a batch with its graph, and the weight with which the batch counts beside others.</summary>
    /// <exception cref="PeftException">The batch has no labels, or labels that do not fit the head.</exception>
    public virtual BatchLoss Loss(TokenBatch batch, ForwardContext context)
    {
        var labels = batch.Labels?.to(Device) ?? throw new PeftException("The batch has no labels; name the label column of the data.");
        return Head.Loss(Forward(batch, context), labels, batch.Unpadded ? null : batch.AttentionMask.to(Device));
    }

    /// <summary>Releases the weights once the last call under way has ended.</summary>
    public void Dispose()
    {
        _calls.Close(() =>
        {
            foreach (var slot in Sites.Slots) slot.Release();
            foreach (var tied in Sites.Projections.Select(site => site.Weight).OfType<TiedSlot>()) tied.Release();
            foreach (var group in Sites.Groups) group.Dispose();
            Sites.Merged?.Close();
        });
        GC.SuppressFinalize(this);
    }

    /// <summary>Refuses a model that was disposed.</summary>
    internal void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_calls.IsClosed, this);

    /// <summary>Runs one call: holds on to weights and adapters until it ends, and releases what it made besides its result.</summary>
    /// <param name="batch">The batch, from wherever it is.</param>
    /// <param name="context">The call.</param>
    /// <param name="forward">Computes the result.</param>
    /// <param name="moveOut">Moves the result to the outer dispose scope.</param>
    /// <param name="scouts">False where no adapter acts that asks for a first pass, whatever is selected: below them.</param>
    private protected T Call<T>(
        TokenBatch batch, ForwardContext context, Func<TokenBatch, ForwardContext, T> forward, Func<T, T> moveOut, bool scouts = true)
    {
        ObjectDisposedException.ThrowIf(batch.InputIds.IsInvalid, batch);
        if (context.Selection.IsPerRow && context.Selection.Rows != batch.Rows)
            throw new PeftException(
                $"The batch has {batch.Rows} rows, but adapters were chosen for {context.Selection.Rows}; give one choice per row.");
        if (context is { Cache: not null } or { LastToken: true } && this is not DecoderModel)
            throw new PeftException(
                $"Models of type {Config.ModelType} answer no next token; generate with a decoder (GPT-2, Llama, T5 and their kin).");
        if (batch.Segments is not null && this is not DecoderModel)
            throw new PeftException(
                $"Models of type {Config.ModelType} read one sequence a row; give each sequence of a packed row a row of its own.");
        ObjectDisposedException.ThrowIf(!_calls.TryEnter(), this);
        var entered = 0;
        MergedWeights? merged = null;
        ForwardContext? call = null;
        try
        {
            foreach (var adapter in context.Selection.Tags)
            {
                if (!adapter.Uses.TryEnter())
                    throw new PeftException($"The adapter \"{adapter.Name}\" was removed from the model; select another one.");
                entered++;
            }
            merged = Sites.EnterMerged(context.Selection);
            call = context.Begin(Device, merged, batch.Task);
            // A part that is computed again in the backward pass reads its input then: it stays in the caller's scope.
            if (context.RecomputesLayers) return Run(batch.To(Device), call);
            using var scope = NewDisposeScope();
            return moveOut(Run(batch.To(Device), call));
        }
        finally
        {
            call?.Release();
            merged?.Uses.Leave();
            foreach (var adapter in context.Selection.Tags[..entered]) adapter.Uses.Leave();
            _calls.Leave();
            // A finalizer may not free what native code reads.
            GC.KeepAlive(batch);
            GC.KeepAlive(this);
        }

        T Run(TokenBatch here, ForwardContext begun) =>
            forward(here, scouts && begun.NeedsScout ? begun with { Scouted = FirstPass(here, begun) } : begun);
    }

    private ScoutedStates FirstPass(TokenBatch batch, ForwardContext call)
    {
        var first = call.AsScout();
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        try
        {
            return Scout(batch, first).MoveOut();
        }
        finally
        {
            first.Release();
        }
    }

    /// <summary>Runs the layers, and no head.</summary>
    /// <param name="batch">The batch, on the model's device.</param>
    /// <param name="context">A call that is a first pass.</param>
    private protected abstract ScoutedStates Scout(TokenBatch batch, ForwardContext context);

    // Virtual tokens have no answers of their own: where the head answers each token, logits are those of the batch's tokens.
    private protected Tensor OfTokens(Tensor logits, TokenBatch batch, ForwardContext context)
    {
        var tokens = batch.Tokens;
        if (!Head.AnswersEachToken || logits.shape[1] == tokens) return logits;
        // Of two stacks, the vectors of the one that answers.
        var (input, selection) = (Sites.Inputs[^1], context.Selection);
        if (!selection.IsPerRow && !input.AnyAfterFirst(selection)) return logits.narrow(1, logits.shape[1] - tokens, tokens);
        var places = input.TokenPlaces(selection, batch.AttentionMask).unsqueeze(-1);
        return logits.gather(1, places.expand(logits.shape[0], tokens, logits.shape[2]));
    }

    /// <summary>The result of a call; what is the batch's own stays so, and the caller gets a handle of its own.</summary>
    private protected ModelOutput Result(Tensor logits, Tensor hidden, Tensor? mask, TokenBatch batch, ForwardContext context)
    {
        var widths = Head.Widths(context.Selection);
        if (!context.AllTokens) return new(logits, null, null) { Widths = widths };
        var ownHidden = ReferenceEquals(hidden, batch.Trunk?.Hidden) ? hidden.alias() : hidden;
        var ownMask = ReferenceEquals(mask, batch.AttentionMask) ? mask.alias() : mask;
        return new(logits, ownHidden, ownMask) { Widths = widths };
    }
}
