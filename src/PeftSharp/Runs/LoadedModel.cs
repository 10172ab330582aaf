using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs.Proof;
using PeftSharp.Sites;
using PeftSharp.Tokenization;
using PeftSharp.Weights;

namespace PeftSharp.Runs;

/// <summary>
/// A base model with an adapter, or with several that act together, as their folders describe them: head, labels, pooling, length and
/// tokenizer come with the files, those of the adapter whose head answers.
/// </summary>
public sealed class LoadedModel : IDisposable
{
    private readonly Lazy<Tokenizer?> _tokenizer;
    private LayerDrop? _drop;

    private LoadedModel(
        string folder, string? adapterFolder, PeftModel model, PeftMethod? adapter, AnswerCard card, IReadOnlyList<string> remarks)
    {
        (BaseFolder, AdapterFolder, Model, Adapter, Card, Remarks) = (folder, adapterFolder, model, adapter, card, remarks);
        _tokenizer = new(() => TokenizerOf(folder, adapterFolder));
    }

    /// <summary>The base model's folder.</summary>
    public string BaseFolder { get; }

    /// <summary>The adapter's folder, that of the one whose head answers where several act; or null.</summary>
    public string? AdapterFolder { get; }

    /// <summary>The model, its adapter attached.</summary>
    public PeftModel Model { get; }

    /// <summary>The adapter, the one whose head answers where several act; or null.</summary>
    public PeftMethod? Adapter { get; }

    /// <summary>What acts where that is more than one adapter; else null.</summary>
    public AdapterComposition? Composition { get; private init; }

    /// <summary>What answers depend on besides tensors.</summary>
    public AnswerCard Card { get; }

    /// <summary>What the files leave to be said, a sentence each: contradictions that were decided, tensors that nothing reads.</summary>
    public IReadOnlyList<string> Remarks { get; }

    /// <summary>The adapter, or what acts together, on every row and in every layer that is not left out; or none.</summary>
    public AdapterSelection Selection => (Composition is not null ? AdapterSelection.Of(Composition)
        : Adapter is null ? AdapterSelection.None : AdapterSelection.Of(Adapter.Tag)).With(_drop);

    /// <summary>True if the answer is a number.</summary>
    public bool IsRegression => Model.Model.Head.Kind == TaskKind.Regression;

    /// <summary>Names of the classes in the order of the outputs; one name for a regression.</summary>
    public IReadOnlyList<string> Labels => Card.Labels ?? LabelNames.Defaults(Model.Model.Head.Outputs);

    /// <summary>Columns of training, to be read where data has them and no others are named (<see cref="DataOptions.Usual"/>).</summary>
    public UsualColumns Columns => ColumnsOf(Card);

    /// <summary>The columns that a card names; a class without one has a column of its own name.</summary>
    internal static UsualColumns ColumnsOf(AnswerCard? card) => card?.Columns is { } columns
        ? new(columns.Text, columns.Pair, columns.Label)
        {
            Flags = card is { Task: TaskKind.MultiLabel, Labels: { } labels } && columns.Label is null ? labels : [],
        }
        : new();

    /// <summary>The tokenizer: the adapter's own, else the base's; null if neither has one.</summary>
    public Tokenizer? Tokenizer() => _tokenizer.Value;

    /// <summary>
    /// The length that was asked for, else that of training, else what the tokenizer's <c>model_max_length</c> says, else as much as the
    /// model takes, up to 512 tokens.
    /// </summary>
    public int MaxLength(int? asked = null) => asked ?? Math.Min(Card.MaxLength ?? Tokenizer()?.MaxLength ?? 512, Model.Model.MaxTokens);

    /// <summary>The tokenizer of an adapter's folder, else of its base's; null if neither has one.</summary>
    public static Tokenizer? TokenizerOf(string folder, string? adapterFolder) =>
        new[] { adapterFolder, folder }.FirstOrDefault(f => f is not null && HasTokenizer(f)) is { } found
            ? Tokenization.Tokenizer.Load(found)
            : null;

    /// <summary>Loads a base model, and an adapter into it.</summary>
    /// <param name="folder">The base.</param>
    /// <param name="adapterFolder"> The adapter, or several as an expression of their folders (<c>stack(runs/a,runs/b)</c>, see
    /// <see cref="ComposedFolders"/>) or as the folder of a saved composition; null for the base alone.
    /// </param>
    /// <param name="options">How to load them.</param>
    /// <exception cref="PeftException">A folder is missing or damaged, or they do not belong together, as the folder's proof may
    /// say.</exception>
    public static LoadedModel Open(string folder, string? adapterFolder = null, LoadOptions? options = null)
    {
        options ??= new();
        ModelLoader.RequireFolder(folder);
        if (Formats.AdapterFolder.Is(folder) && !File.Exists(Path.Combine(folder, "config.json")))
            throw new PeftException(
                $"{folder} is an adapter, not a base model; give it as the adapter, and the model that it was trained on as the base.");
        var composed = adapterFolder is null ? null : ComposedFolders.TryRead(adapterFolder);
        IReadOnlyList<string> notes = composed is null ? ProofGate.Check(adapterFolder ?? folder, folder, options)
            : [.. composed.Folders.SelectMany(one => ProofGate.Check(one, folder, options))];
        var drop = options.DropLayers == 0 ? null : LayerDrop.Lowest(options.DropLayers);
        var loaded = adapterFolder is null ? Plain(folder, options, notes)
            : WithAdapter(folder, adapterFolder, composed, options, notes);
        loaded._drop = drop;
        return loaded;
    }

    /// <summary>Refuses a model that answers no question about whole texts, or has no trained head.</summary>
    /// <exception cref="PeftException">It is such a model.</exception>
    public void RequireHead()
    {
        var head = Model.Model.Head;
        if (head.VocabularyMap is not null)
            throw new PeftException(
                $"{AdapterFolder ?? BaseFolder} answers with text and not with labels or numbers; ask it with generate or chat, score "
                + "it with eval.");
        if (head.Kind is not (TaskKind.Classification or TaskKind.MultiLabel or TaskKind.Regression))
            throw new PeftException(
                $"{AdapterFolder ?? BaseFolder} answers no question about whole texts (its task is {head.Kind}); give a model or an "
                + "adapter with a classification head.");
        if (Model.Model.Created.Count > 0 && Adapter is null)
            throw new PeftException(
                Model.Model.Misfit is { } misfit
                    ? $"{BaseFolder} has no trained head for what its config.json describes: {misfit}; correct the labels there, or give "
                        + "the adapter that was trained on it."
                    : $"{BaseFolder} has no trained head (its checkpoint has no {Model.Model.Created[0]}); give the adapter that was "
                        + "trained on it.");
    }

    /// <summary>Refuses single texts where pairs were trained on, and the reverse; rows of token ids are taken as they are.</summary>
    /// <exception cref="PeftException">The rows are of the other kind.</exception>
    public void RequireRowsLike(DataOrigin data)
    {
        if (Card.Pairs is not { } wanted || data.Pairs is not { } given || wanted == given) return;
        var columns = Card.Columns is { Text: { } text, Pair: { } pair } ? $" (columns \"{text}\" and \"{pair}\" in training)" : "";
        var remedy = data.TextColumn is null ? "give two texts for each row (a file may hold them, in two columns)"
            : "name the column of the second text";
        throw new PeftException(wanted
            ? $"{AdapterFolder ?? BaseFolder} was trained on pairs of texts{columns}, but {data.Source} holds single ones; {remedy}."
            : $"{AdapterFolder ?? BaseFolder} was trained on single texts, but {data.Source} holds pairs; leave the second text out, or "
                + "give the model that was trained on pairs.");
    }

    /// <summary>The same model with another of its adapters answering; what it holds is this one's, which disposes it.</summary>
    internal LoadedModel Answering(PeftMethod adapter) => new(BaseFolder, AdapterFolder, Model, adapter, Model.CardOf(adapter), []);

    /// <summary>Lets go of the model and its adapter.</summary>
    public void Dispose() => Model.Dispose();

    private static LoadedModel Plain(string folder, LoadOptions options, IReadOnlyList<string> notes)
    {
        var earlier = EarlierCard.TryRead(folder);
        var known = ModelConfig.Read(folder).Json[AnswerCard.Key] is not null;
        var model = ModelLoader.Load(folder, Choose(options, new() { Pooling = known ? null : earlier?.Pooling }));
        var card = known || earlier is null ? model.Card : model.Card with { MaxLength = earlier.MaxLength };
        return new(
            folder, null, new PeftModel(model, folder), null, card,
            [.. notes, .. model.Remarks, .. EarlierCard.Differences(folder, known ? card : null, earlier)]);
    }

    private static LoadedModel WithAdapter(
        string folder, string adapterFolder, ComposedFolders? composed, LoadOptions options, IReadOnlyList<string> notes)
    {
        if (composed is null) ComposedFolders.RequireAdapter(adapterFolder);
        else adapterFolder = composed.Answering;
        var saved = Formats.AdapterFolder.Open(adapterFolder);
        var (own, earlier) = (saved.Card(), EarlierCard.TryRead(adapterFolder));
        var head = SavedHead.Of(saved, own ?? earlier, ModelConfig.Read(folder));
        var transformer = ModelLoader.Load(folder, Choose(options, head.Options));
        var model = new PeftModel(transformer, folder);
        if (options.Dense)
            foreach (var weight in transformer.Sites.Projections.Select(p => p.Weight).Where(w => w.Base.IsQuantized))
                weight.Store(new DenseStore(weight.Copy()));
        var composition = composed?.LoadInto(model);
        var adapter = composition is null ? saved.LoadInto(model) : model.Adapters.Values.First(a => a.Tag == composition.Answering);
        var card = own
            ?? transformer.Card with
            {
                Labels = transformer.Card.Labels ?? head.Options.Labels,
                MaxLength = earlier?.MaxLength,
                Quantize = earlier?.Quantize,
            };
        if (own is null) model.Describe(adapter, card);
        IReadOnlyList<string> remarks =
        [
            .. notes, .. transformer.Remarks, .. UnknownSettings.Remarks(saved), .. EarlierCard.Differences(adapterFolder, own, earlier),
        ];
        return new(folder, adapterFolder, model, adapter, card, remarks) { Composition = composition };
    }

    private static ModelOptions Choose(LoadOptions options, ModelOptions model) =>
        model with { Compute = options.Compute, Device = options.Device };

    private static bool HasTokenizer(string folder) => TokenizerFiles.Has(folder);
}
