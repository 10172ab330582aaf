using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Sources;

namespace PeftSharp.Runs.Training;

/// <summary>
/// An adapter that a run goes on training, on new rows: method, settings, base, task and pooling are its own; new classes extend its head.
/// </summary>
internal sealed class ContinuedAdapter
{
    private readonly AdapterFolder _saved;
    private readonly AnswerCard? _card;
    private readonly Caller _caller;

    private ContinuedAdapter(ModelFolder folder, AdapterFolder saved, AnswerCard? card, Caller caller) =>
        (Folder, _saved, _card, _caller) = (folder, saved, card, caller);

    /// <summary>Where it lies.</summary>
    public ModelFolder Folder { get; }

    /// <summary>The layout that it has.</summary>
    public AdapterFormat Format => _saved.Format;

    /// <summary>Most tokens a row in its training; null where nobody knows.</summary>
    public int? MaxLength => _card?.MaxLength;

    /// <summary>What its training's labels were; null where nobody knows.</summary>
    public LabelKind? Kind => _card is null ? null : LabelCheck.KindOf(_card.Task);

    /// <summary>Columns of its training.</summary>
    public UsualColumns Columns => LoadedModel.ColumnsOf(_card);

    /// <summary>Opens the adapter that a run names; null if it names none.</summary>
    /// <exception cref="PeftException">It is no adapter, or answers another kind of question than training asks.</exception>
    public static ContinuedAdapter? Open(TrainSettings settings, ModelFolders folders)
    {
        if (settings.Adapter is not { } given) return null;
        var folder = folders.Adapter(given);
        var saved = AdapterFolder.Open(folder.Folder);
        var card = saved.Card() ?? EarlierCard.TryRead(folder.Folder);
        if (card is { Task: not (TaskKind.Classification or TaskKind.MultiLabel or TaskKind.Regression) } other)
            throw new PeftException(
                $"The adapter {given} answers another kind of question ({other.Task}) than a run trains; give one that classifies texts, "
                + "or answers a number.");
        return new(folder, saved, card, settings.Caller);
    }

    /// <summary>The method's settings, which are the adapter's; a run that names others is refused.</summary>
    public MethodOptions OptionsFor(TrainSettings settings, IReadOnlyList<KeyValuePair<string, string>> changes)
    {
        var own = _saved.Options;
        if (own.SharedName is { } shared)
            throw new PeftException(
                $"The adapter {Folder.Name} reads \"{shared}\", which other tasks read too, and one task alone would change it for all of "
                + "them; train the tasks together in a joint run.");
        var method = MethodRegistry.ByPeftType(own.PeftType)!;
        if (
            (settings.MethodOptions ?? (settings.Method is { } named ? MethodName.Options(named) : null)) is { } asked
                && asked.PeftType != own.PeftType)
            throw new SettingsException(
                $"{_caller.Setting("method")} is {settings.Method}, but the adapter {Folder.Name} was trained with {method.Name}; leave it "
                + "out: an adapter goes on with its own method.");
        var wanted = settings.MethodOptions ?? own;
        wanted = MethodSettings.With(wanted, method.Name, settings.MethodSettings.Concat(changes), settings.MethodSource);
        foreach (var setting in MethodSettings.Of(own))
        {
            var (now, was) = (MethodSettings.Shown(wanted, setting), MethodSettings.Shown(own, setting));
            if (now != was)
                throw new SettingsException(
                    $"The setting \"{setting.Name}\" is {now}, but the adapter {Folder.Name} was trained with {was}; leave it out: an "
                    + "adapter goes on with its own settings.");
        }
        settings.Method ??= method.Name;
        return own;
    }

    /// <summary>
    /// The base: the one that is named, else the adapter's own. A base that the adapter's proof does not know is refused.
    /// </summary>
    public ModelFolder Base(TrainSettings settings, ModelFolders folders)
    {
        var basis = settings.Base is { Length: > 0 } given
            ? folders.Base(given, settings.Revision)
            : folders.BaseOf(Folder, settings.Revision);
        settings.Base ??= basis.Name;
        ModelLoader.RequireFolder(basis.Folder);
        ProofGate.Check(Folder.Folder, basis.Folder, new() { ProofName = null });
        return basis;
    }

    /// <summary>The rows with the adapter's classes, in its order; classes that it does not know come behind them.</summary>
    /// <exception cref="PeftException">They hold numbers where it answers classes, or the reverse, or classes by number that it does not
    /// have.</exception>
    public TrainRows Agree(TrainRows rows, RunObserver observer)
    {
        if (_card is { } card && LabelCheck.KindOf(card.Task) is { } answered && rows.Train.Kind != answered)
            throw new PeftException(
                $"{rows.Train.Source} holds {LabelCheck.Held(rows.Train.Kind)}, but the adapter {Folder.Name} answers with "
                + $"{LabelCheck.Said(answered)}; give rows of its task, or train a new adapter.");
        if (rows.Train.Labels is not { } data || _card?.Labels is not { } own) return rows;
        if (LabelNames.Places(own, data.Names) is null && LabelNames.AreIndices(data.Names) && !LabelNames.AreIndices(own))
            throw new PeftException(
                $"{rows.Train.Source} numbers its classes ({Some(data.Names)}), but the adapter {Folder.Name} answers {Some(own)}; give "
                + "rows whose labels are names.");
        var labels = Extended(own, data.Names, observer);
        var moved = !labels.Names.SequenceEqual(data.Names);
        // GLUE's metrics know its classes by number.
        return moved ? new(rows.Train.Among(labels), rows.Held?.Among(labels), null) : rows;
    }

    /// <summary>How the base is loaded: head, pooling and quantisation are those of the adapter's training.</summary>
    public ModelOptions OptionsOf(string basis, TextDataset rows, TrainSettings settings)
    {
        var options = SavedHead.Of(_saved, _card, ModelConfig.Read(basis)).Options;
        if (
            settings.Pooling is { } asked
                && !string.Equals(asked, $"{options.Pooling ?? Pooling.Pooler}", StringComparison.OrdinalIgnoreCase))
            throw new SettingsException($"{_caller.Setting("pooling", asked)}: the adapter {Folder.Name} was trained with "
                + $"{$"{options.Pooling ?? Pooling.Pooler}".ToLowerInvariant()}; leave it out.");
        return rows.Labels is { } labels ? options with { Labels = labels.Names } : options;
    }

    /// <summary>Reads the adapter into a model that has rows of a head for every class.</summary>
    public PeftMethod LoadInto(PeftModel model, TextDataset rows)
    {
        var adapter = new AdapterReader(_saved).LoadInto(model, extend: true);
        if (rows.Labels is { } labels) model.Describe(adapter, model.CardOf(adapter) with { Labels = labels.Names });
        return adapter;
    }

    private LabelMap Extended(IReadOnlyList<string> own, IReadOnlyList<string> data, RunObserver observer)
    {
        if (LabelNames.Places(own, data) is not null) return new(own);
        List<string> added = [.. data.Where(name => !own.Contains(name))];
        if (added.Count > 0)
            observer.Remark(
                $"labels: {Some(added)} {(added.Count == 1 ? "is" : "are")} new: the head of {Folder.Name} grows from {own.Count} to "
                + $"{own.Count + added.Count} classes.");
        return new([.. own, .. added]);
    }

    private static string Some(IReadOnlyList<string> names) => string.Join(", ", names.Take(10)) + (names.Count > 10 ? ", …" : "");
}
