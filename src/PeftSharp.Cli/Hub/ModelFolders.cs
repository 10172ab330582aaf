using PeftSharp.Formats;
using PeftSharp.Hub;

namespace PeftSharp.Cli.Hub;

/// <summary>Turns what a user gave for a model or an adapter into a local folder. What exists here wins; owner/name is asked of the hub.</summary>
internal static class ModelFolders
{
    private const string Scheme = "hf://";

    /// <summary>A base model.</summary>
    public static ModelFolder Base(string given, string? revision, bool quiet = false, CancellationToken? cancellation = null) =>
        Find(given, revision, HubContent.Model, quiet, cancellation);

    /// <summary>An adapter.</summary>
    public static ModelFolder Adapter(string given) => Find(given, null, HubContent.Adapter);

    /// <summary>A model, an adapter, or a file.</summary>
    public static ModelFolder Any(string given) => Find(given, null, HubContent.Any);

    /// <summary>The base model that an adapter says it was trained on.</summary>
    public static ModelFolder BaseOf(ModelFolder adapter, string? revision, string verb)
    {
        var options = AdapterFolder.Open(adapter.Folder).Options;
        var name = options.BaseModel;
        if (name is null || (!Path.Exists(name) && HubRepository.TryParse(name) is null))
            throw new UsageException($"The adapter {adapter.Name} was trained on {(name is null ? "a base that it does not name" : $"\"{name}\", which is neither here nor a name of the hub")}; peft {verb} needs --base FOLDER.");
        Console.Error.WriteLine($"base: {name}, as the adapter {adapter.Name} says");
        if (Path.Exists(name)) return Find(name, revision, HubContent.Model);
        try
        {
            return Fetch(HubRepository.Parse(name, revision ?? options.Revision), HubContent.Model, false, null);
        }
        catch (HubException e) when (IsAbsent(e))
        {
            throw new HubException(e.Problem, $"The adapter {adapter.Name} names the base {name}, and no --base was given: {e.Message}", e);
        }
    }

    /// <summary>Fetches a repository, with a display on a terminal.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="content">What of it.</param>
    /// <param name="quiet">True shows and says nothing.</param>
    /// <param name="cancellation">Who stops the run; default: an interruption of the transfer's own.</param>
    public static ModelFolder Fetch(HubRepository repository, HubContent content, bool quiet, CancellationToken? cancellation)
    {
        var snapshot = HubProgress.Show(quiet, cancellation, (progress, stop) => new HubDownload(HubSettings.FromEnvironment(), progress).GetAsync(repository, content, stop));
        return new(repository.Id, snapshot.Folder, repository.Revision == HubRepository.DefaultRevision ? null : repository.Revision, snapshot.Commit);
    }

    private static ModelFolder Find(string given, string? revision, HubContent content, bool quiet = false, CancellationToken? cancellation = null)
    {
        if (Repository(given, revision) is { } repository)
        {
            try
            {
                return Fetch(repository, content, quiet, cancellation);
            }
            catch (HubException e) when (IsAbsent(e) && !given.StartsWith(Scheme, StringComparison.Ordinal))
            {
                throw new HubException(e.Problem, $"There is no folder {given}, and {e.Message}", e);
            }
        }
        if (revision is not null) throw new UsageException($"--revision is \"{revision}\", but {given} is no name of the hub (owner/name); leave --revision out.");
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
