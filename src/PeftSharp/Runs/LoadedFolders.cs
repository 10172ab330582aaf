using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Sites;

namespace PeftSharp.Runs;

/// <summary>Adapters of folders in a model, each loaded once and under a name of its own.</summary>
internal sealed class LoadedFolders(PeftModel model)
{
    private const string Nameless = "default";

    private readonly Dictionary<string, (AdapterTag Tag, string? SavedAs)> _loaded = [];

    /// <summary>
    /// Loads the adapter of a folder, unless it is there already. One that was saved under no name of its own is called as its folder,
    /// which is what the user knows it by.
    /// </summary>
    /// <exception cref="PeftException">It is no adapter, or does not fit the model.</exception>
    public AdapterTag Load(string path)
    {
        if (_loaded.TryGetValue(path, out var known)) return known.Tag;
        ComposedFolders.RequireAdapter(path);
        var folder = AdapterFolder.Open(path);
        var named = folder.SavedAs == Nameless ? null : folder.SavedAs;
        var name = FreeName(model, named ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))));
        var tag = folder.LoadInto(model, name).Tag;
        _loaded[path] = (tag, folder.SavedAs);
        return tag;
    }

    /// <summary>The name that a loaded adapter was saved under; null where its layout keeps none.</summary>
    public string? SavedAs(AdapterTag tag) => _loaded.Values.First(one => one.Tag == tag).SavedAs;

    /// <summary>A name that no adapter of a model has.</summary>
    public static string FreeName(PeftModel model, string wanted)
    {
        var name = wanted;
        for (var i = 2; model.Adapters.ContainsKey(name); i++) name = $"{wanted}-{i}";
        return name;
    }
}
