using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Sources;

namespace PeftSharp.Runs.Training;

/// <summary>
/// The adapters that a run trains a fusion of (AdapterFusion, Pfeiffer et al. 2021, arXiv 2005.00247): they are loaded, act, and stay as
/// they are.
/// </summary>
internal sealed class FusedAdapters
{
    /// <summary>What the method of such a run is called.</summary>
    public const string Method = "fusion";

    private readonly AdapterExpression _expression;
    private readonly IReadOnlyList<ModelFolder> _folders;
    private readonly AnswerCard? _card;
    private readonly Caller _caller;

    private FusedAdapters(AdapterExpression expression, IReadOnlyList<ModelFolder> folders, Caller caller)
    {
        (_expression, _folders, _caller) = (expression, folders, caller);
        _card = AdapterFolder.Open(folders[0].Folder).Card();
    }

    /// <summary>Pooling of their training: the first one's, which the others have to share; null where nobody knows.</summary>
    public Pooling? Pooling => _card?.Pooling;

    /// <summary>Most tokens a row in the first one's training; null where nobody knows.</summary>
    public int? MaxLength => _card?.MaxLength;

    /// <summary>Every file of their tensors, for the identity of a run.</summary>
    public IReadOnlyList<string> Files => [.. _folders.SelectMany(folder => AdapterFolder.Open(folder.Folder).TensorFiles)];

    /// <summary>The folders that a setting names, as they were given.</summary>
    public static IReadOnlyList<string> Names(string? setting) => setting is null ? [] : Parse(setting).Names;

    /// <summary>The setting with paths that are meant from another folder.</summary>
    public static string From(string setting, string folder) => Parse(setting).Renamed(
        name => AdapterExpression.Of(
            !Path.IsPathRooted(name) && Path.Exists(Path.Combine(folder, name)) ? Path.Combine(folder, name) : name),
        name => name).ToString();

    /// <summary>Opens the adapters that a run names; null if it names none.</summary>
    /// <exception cref="PeftException">One of them is no adapter, or the setting is no list of them.</exception>
    public static FusedAdapters? Open(TrainSettings settings, ModelFolders folders)
    {
        if (settings.Fuse is not { } given) return null;
        if (settings.Adapter is not null)
            throw new SettingsException(
                $"{settings.Caller.Setting("fuse")} trains a fusion on top of its adapters, and {settings.Caller.Setting("adapter")} goes "
                + "on with an adapter; leave one of them out.");
        if (settings.Method is { } method && method != Method)
            throw new SettingsException(
                $"{settings.Caller.Setting("method")} is {method}, but {settings.Caller.Setting("fuse")} trains a fusion; leave it out.");
        var found = new Dictionary<string, ModelFolder>();
        var expression = Parse(given).Renamed(
            name =>
            {
                if (!found.TryGetValue(name, out var folder)) found[name] = folder = folders.Adapter(name);
                ComposedFolders.RequireAdapter(folder.Folder);
                return AdapterExpression.Of(folder.Folder);
            },
            name => name);
        return new(expression, [.. found.Values], settings.Caller);
    }

    /// <summary>The fusion's settings: AdapterHub's <c>dynamic</c> ones, and those that the run changes.</summary>
    public MethodOptions OptionsFor(TrainSettings settings, IReadOnlyList<KeyValuePair<string, string>> changes)
    {
        settings.Method ??= Method;
        MethodOptions options = settings.MethodOptions ?? new FusionOptions();
        if (settings.Recipe is { } recipe) RecipeFile.CheckMethodKeys(recipe, settings, options);
        options = MethodSettings.With(options, Method, settings.MethodSettings, settings.MethodSource);
        return MethodSettings.With(options, Method, changes, settings.Caller.MethodSettings);
    }

    /// <summary>
    /// The base: the one that is named, else the first adapter's. A base that an adapter's proof does not know is refused.
    /// </summary>
    public ModelFolder Base(TrainSettings settings, ModelFolders folders)
    {
        var basis = settings.Base is { Length: > 0 } given
            ? folders.Base(given, settings.Revision)
            : folders.BaseOf(_folders[0], settings.Revision);
        settings.Base ??= basis.Name;
        ModelLoader.RequireFolder(basis.Folder);
        foreach (var folder in _folders) ProofGate.Check(folder.Folder, basis.Folder, new() { ProofName = null });
        return basis;
    }

    /// <summary>Loads the adapters, and adds the fusion to be trained.</summary>
    /// <exception cref="PeftException">One of them does not fit the model, or cannot be fused or saved with the fusion.</exception>
    public FusionMethod LoadInto(PeftModel model, FusionOptions options, ulong seed)
    {
        var parts = ComposedFolders.LoadParts(model, _expression);
        foreach (var adapter in model.Adapters.Values)
            if (adapter.Refusal(AdapterFormat.AdapterHub) is { } sentence)
                throw new PeftException(
                    $"{_caller.Setting("fuse")}: a fusion is saved with its adapters in AdapterHub's layout. {sentence}");
        return model.AddFusion(parts, options, seed: seed);
    }

    // "a,b", "[a, b]" or "fuse(a,b)".
    private static AdapterExpression Parse(string text)
    {
        var inner = text.Trim();
        if (inner.StartsWith('[') && inner.EndsWith(']')) inner = inner[1..^1];
        var whole = inner.StartsWith("fuse(", StringComparison.Ordinal) || inner.StartsWith("fuse[", StringComparison.Ordinal);
        var expression = AdapterExpression.Parse(whole ? inner : $"fuse({inner})");
        if (expression.FusionNames.Count > 0)
            throw new SettingsException(
                $"fuse is \"{Printable.Cut(text, 200)}\", which names a fusion that was trained; a run trains a new one: "
                + "fuse(FOLDER,FOLDER).");
        return expression;
    }
}
