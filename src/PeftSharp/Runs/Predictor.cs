using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Hub;
using PeftSharp.Runs.Sources;

namespace PeftSharp.Runs;

/// <summary>
/// Answers texts with an adapter or a model as its folder describes it: base, labels, tokenizer, pooling and length come with the files.
/// May be called from several threads.
/// </summary>
public sealed class Predictor : IDisposable
{
    private readonly LoadedModel _loaded;
    private readonly ITextEncoder _encoder;
    private readonly AnswerReader _reader;
    private readonly int _maxLength;
    private bool _disposed;

    private Predictor(LoadedModel loaded)
    {
        loaded.RequireHead();
        var tokenizer = loaded.Tokenizer() ?? throw new PeftException(
            $"{loaded.AdapterFolder ?? loaded.BaseFolder} has no tokenizer (tokenizer.json, vocab.txt, or vocab.json with merges.txt), nor "
            + "has its base; copy its files from the model's page.");
        (_loaded, _encoder, _maxLength) = (loaded, new TokenizerTextEncoder(tokenizer), loaded.MaxLength());
        _reader = new(loaded.Labels, loaded.Model.Model.Head.Kind);
    }

    /// <summary>Names of the classes in the order of the outputs; empty for a number.</summary>
    public IReadOnlyList<string> Labels => _loaded.IsRegression ? [] : _loaded.Labels;

    /// <summary>True if it answers pairs of texts, false if single ones; null where its folder does not say.</summary>
    public bool? WantsPairs => _loaded.Card.Pairs;

    /// <summary>What the files leave to be said, a sentence each.</summary>
    public IReadOnlyList<string> Remarks => _loaded.Remarks;

    /// <summary>
    /// Loads an adapter with its base, or a model with a trained head. What is named <c>owner/name</c> and is no folder comes from the hub.
    /// </summary>
    /// <param name="folder">The folder of an adapter or of a model, or several adapters as an expression of their folders:
    /// <c>stack(runs/a,runs/b)</c>.</param>
    /// <param name="baseModel">The base of the adapter; default: the one that the adapter names, from here, from beside its folder, or from
    /// the hub.</param>
    /// <param name="options">How to load them.</param>
    /// <exception cref="PeftException">A file is missing or damaged, they do not belong together, or the hub does not have
    /// them.</exception>
    public static Predictor Load(string folder, string? baseModel = null, LoadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var folders = new ModelFolders(RunObserver.None, Caller.Program, default, options?.Hub);
        if (ComposedFolders.TryRead(folder) is not null)
        {
            var adapters = folders.Adapters(folder);
            var answering = ComposedFolders.TryRead(adapters.Folder)!.Answering;
            return new(
                LoadedModel.Open(
                    baseModel is null ? BaseOf(answering, folders) : folders.Base(baseModel, null).Folder, adapters.Folder, options));
        }
        var found = folders.Any(folder).Folder;
        if (!Directory.Exists(found))
            throw new PeftException($"The folder {folder} does not exist; give the folder of an adapter or of a model.");
        if (!AdapterFolder.Is(found)) return new(LoadedModel.Open(found, null, options));
        return new(LoadedModel.Open(baseModel is null ? BaseOf(found, folders) : folders.Base(baseModel, null).Folder, found, options));
    }

    /// <summary>Answers a text.</summary>
    /// <param name="text">The text, or the first of two.</param>
    /// <param name="pair">The second text, where pairs were trained on.</param>
    /// <exception cref="PeftException">The text is blank, a second one is missing or too many, or the answer is no number.</exception>
    public Prediction Predict(string text, string? pair = null) => Answer([new Example(text, pair, -1, float.NaN, 1)])[0];

    /// <summary>Answers several texts, in their order.</summary>
    /// <exception cref="PeftException">As for one text; the sentence names its number, from 1.</exception>
    public IReadOnlyList<Prediction> Predict(IEnumerable<string> texts) =>
        Answer([.. texts.Select((text, i) => new Example(text, null, -1, float.NaN, i + 1))]);

    /// <summary>Answers several pairs of texts, in their order.</summary>
    /// <exception cref="PeftException">As for one text; the sentence names its number, from 1.</exception>
    public IReadOnlyList<Prediction> Predict(IEnumerable<(string Text, string Pair)> pairs) =>
        Answer([.. pairs.Select((pair, i) => new Example(pair.Text, pair.Pair, -1, float.NaN, i + 1))]);

    /// <summary>Lets go of the model.</summary>
    public void Dispose()
    {
        _disposed = true;
        _loaded.Dispose();
    }

    private Prediction[] Answer(Example[] rows)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (rows.Length == 0) return [];
        foreach (var row in rows) Check(row);
        using var data = new TextDataset(rows, LabelKind.None, null, "The texts");
        using var tokens = TokenizedDataset.Create(data, _encoder, _maxLength);
        _loaded.RequireRowsLike(tokens.Origin);
        var table = new Evaluator(_loaded.Model, _loaded.Selection, tokens).Outputs();
        var answers = new Prediction[rows.Length];
        for (var row = 0; row < rows.Length; row++) answers[row] = _reader.Read(table.Values.Slice(row * table.Width, table.Width));
        return answers;
    }

    // The rules of the command line: no blank text, no half of a letter. Single texts among pairs are refused with the rows.
    private void Check(Example row)
    {
        var place = row.Place("The texts");
        if (IsBlank(row.Text)) throw new PeftException($"{place}: the text is blank; leave it out.");
        if (row.Pair is { } pair && IsBlank(pair)) throw new PeftException($"{place}: the second text is blank; leave the row out.");
        if (IsBroken(row.Text) || row.Pair is { } second && IsBroken(second))
            throw new PeftException($"{place}: the text holds half of a surrogate pair; do not cut texts within a letter.");
    }

    private static bool IsBlank(string? text) => string.IsNullOrWhiteSpace(text);

    private static bool IsBroken(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (!char.IsSurrogatePair(text, i)) return true;
            i++;
        }
        return false;
    }

    private static string BaseOf(string folder, ModelFolders folders)
    {
        var options = AdapterFolder.Open(folder).Options;
        var named = options.BaseModel;
        if (named is null) throw new PeftException($"{folder} does not say what its base model is; give the base model's folder.");
        if (Directory.Exists(named)) return named;
        var beside = Path.Combine(Path.GetFullPath(folder), named);
        if (Directory.Exists(beside)) return beside;
        return HubRepository.TryParse(named) is { Owner: not null } ? folders.Base(named, options.Revision).Folder
            : throw new PeftException(
                $"{folder} names the base model {Quoted.Name(named)}, which is no folder here; give the base model's folder.");
    }
}
