using PeftSharp.Formats;
using PeftSharp.Hub;

namespace PeftSharp.Runs.Sources;

/// <summary>
/// Turns what a user gave for a model or an adapter into a local folder. What exists here wins; owner/name is asked of the hub.
/// </summary>
/// <param name="observer">Sees transfers and hears remarks.</param>
/// <param name="caller">Who asks, for messages.</param>
/// <param name="cancellation">Ends a transfer; what has arrived is kept.</param>
/// <param name="hub">Server and cache. Default: those of the environment.</param>
public sealed class ModelFolders(RunObserver observer, Caller caller, CancellationToken cancellation = default, HubSettings? hub = null)
{
    private const string Scheme = "hf://";

    /// <summary>A base model.</summary>
    public ModelFolder Base(string given, string? revision) => Find(given, revision, HubContent.Model);

    /// <summary>One adapter.</summary>
    /// <exception cref="PeftException">It is several, as an expression or a saved composition.</exception>
    public ModelFolder Adapter(string given) => ComposedFolders.TryRead(given) is null ? Find(given, null, HubContent.Adapter)
        : throw new SettingsException(
            $"{given} is several adapters, and one is wanted here; peft predict, eval, merge, combine, analyze and info take several.");

    /// <summary>An adapter, or several as an expression of their folders.</summary>
    public ModelFolder Adapters(string given) => ComposedFolders.TryRead(given) is not { } composed ? Find(given, null, HubContent.Adapter)
        : new(given, composed.Renamed(name => Find(name, null, HubContent.Adapter).Folder).ToString());

    /// <summary>A model, an adapter, or a file.</summary>
    public ModelFolder Any(string given) => Find(given, null, HubContent.Any);

    /// <summary>The base model that an adapter says it was trained on.</summary>
    public ModelFolder BaseOf(ModelFolder adapter, string? revision)
    {
        var options = AdapterFolder.Open(ComposedFolders.TryRead(adapter.Folder)?.Answering ?? adapter.Folder).Options;
        var name = options.BaseModel;
        if (name is null || (!Path.Exists(name) && HubRepository.TryParse(name) is null))
            throw new SettingsException(
                $"The adapter {adapter.Name} was trained on "
                + $"{(name is null ? "a base that it does not name" : $"\"{name}\", which is neither here nor a name of the hub")}; "
                + $"{caller.GiveBase}.");
        observer.Remark($"base: {name}, as the adapter {adapter.Name} says");
        if (Path.Exists(name)) return Find(name, revision, HubContent.Model);
        try
        {
            return Fetch(HubRepository.Parse(name, revision ?? options.Revision), HubContent.Model);
        }
        catch (HubException e) when (IsAbsent(e))
        {
            throw new HubException(
                e.Problem,
                $"The adapter {adapter.Name} names the base {name}, and no {caller.Setting("base_model")} was given: {e.Message}", e);
        }
    }

    /// <summary>Fetches a repository.</summary>
    internal ModelFolder Fetch(HubRepository repository, HubContent content)
    {
        var snapshot = observer.During(RunStage.Transfer, repository.Id, () =>
            new HubDownload(hub ?? HubSettings.FromEnvironment(), new ObservedTransfer(observer))
                .GetAsync(repository, content, cancellation)
                .GetAwaiter()
                .GetResult());
        return new(
            repository.Id, snapshot.Folder, repository.Revision == HubRepository.DefaultRevision ? null : repository.Revision,
            snapshot.Commit);
    }

    private ModelFolder Find(string given, string? revision, HubContent content)
    {
        if (Repository(given, revision) is { } repository)
        {
            try
            {
                return Fetch(repository, content);
            }
            catch (HubException e) when (IsAbsent(e) && !given.StartsWith(Scheme, StringComparison.Ordinal))
            {
                throw new HubException(e.Problem, $"There is no folder {given}, and {e.Message}", e);
            }
        }
        if (revision is not null)
        {
            var name = caller.Setting("model_revision");
            throw new SettingsException($"{name} is \"{revision}\", but {given} is no name of the hub (owner/name); leave {name} out.");
        }
        return new(given, given);
    }

    private static bool IsAbsent(HubException e) => e.Problem is HubProblem.NoRepository or HubProblem.Offline or HubProblem.Unreachable;

    // A folder that does not exist below one that does is a misspelt path; hf:// says that it is not.
    private static HubRepository? Repository(string given, string? revision)
    {
        if (given.StartsWith(Scheme, StringComparison.Ordinal)) return HubRepository.Parse(given[Scheme.Length..], revision);
        if (Path.Exists(given) || HubRepository.TryParse(given) is not { Owner: { } owner } || Directory.Exists(owner)) return null;
        return HubRepository.Parse(given, revision);
    }
}
