using PeftSharp.Sites;

namespace PeftSharp.Methods.Reparameterized;

/// <summary>
/// A method that changes the weights of linear maps, one map at a time: its settings choose them, and it says what is put at each.
/// </summary>
/// <typeparam name="T">Its settings.</typeparam>
internal abstract class MapMethod<T>(string name, T options) : PeftMethod(name)
    where T : TargetOptions
{
    /// <summary>The settings; once the adapter is attached, with the names of the maps.</summary>
    protected T Settings { get; private set; } = options;

    /// <inheritdoc/>
    public override MethodOptions Options => Settings;

    /// <summary>Adds the tensors that all maps share; by default there are none.</summary>
    /// <param name="maps">The chosen maps, one at least.</param>
    protected virtual void AddShared(IReadOnlyList<ProjectionSite> maps) { }

    /// <summary>Adds a map's tensors and its plug-ins.</summary>
    /// <exception cref="PeftException">The settings do not fit the map.</exception>
    protected abstract void Adapt(ProjectionSite site);

    /// <inheritdoc/>
    protected sealed override void OnAttach(MethodHost host)
    {
        Settings = (T)((TargetOptions)Settings with { ModulesToSave = ModulesWithHead(Settings.ModulesToSave) });
        var maps = ChosenMaps.Of(Settings, host);
        if (Settings.SaysTransposed && !maps.AreTransposed)
            throw new PeftException(
                $"{Settings.PeftType}: \"fan_in_fan_out\" is true, but this model's maps are [out, in]; set it to false.");
        // By name, since peft's own choice for this method may be another.
        var targets = maps.Targets ?? new Targets([.. maps.Sites.Select(p => p.Path.Split('.')[^1]).Distinct()]);
        Settings = (T)((TargetOptions)Settings with { TargetModules = targets, AreTransposed = maps.AreTransposed });
        AddShared(maps.Sites);
        foreach (var site in maps.Sites) Adapt(site);
        TrainModules(Settings.ModulesToSave);
    }
}
