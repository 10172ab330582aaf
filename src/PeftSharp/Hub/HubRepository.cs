using System.Text.RegularExpressions;
using PeftSharp.Files;

namespace PeftSharp.Hub;

/// <summary>A model repository of a hub and the revision of it that is meant: <c>owner/name[@revision]</c>.</summary>
public sealed partial record HubRepository
{
    /// <summary>The revision where none is named.</summary>
    public const string DefaultRevision = "main";

    private const int LongestId = 96, LongestRevision = 250;

    private HubRepository(string id, string revision) => (Id, Revision) = (id, revision);

    /// <summary><c>owner/name</c>, or a bare name of the hub's early days, for example <c>bert-base-uncased</c>.</summary>
    public string Id { get; }

    /// <summary>A branch, a tag or a commit.</summary>
    public string Revision { get; }

    /// <summary>The owner; null for a bare name.</summary>
    public string? Owner => Id.Contains('/') ? Id[..Id.IndexOf('/')] : null;

    /// <summary>The name without its owner.</summary>
    public string Name => Id[(Id.IndexOf('/') + 1)..];

    /// <summary>True if the revision is a full commit, which never changes.</summary>
    public bool IsPinned => IsCommit(Revision);

    /// <summary>Understands <c>owner/name</c>, <c>owner/name@revision</c> and <c>name</c>.</summary>
    /// <param name="text">The name.</param>
    /// <param name="revision">A revision given apart; the text must not hold another one then. Default: <c>main</c>.</param>
    /// <exception cref="PeftException">The text is no name of a repository, or the revision is none.</exception>
    public static HubRepository Parse(string text, string? revision = null)
    {
        var at = text.IndexOf('@', StringComparison.Ordinal);
        var (id, own) = at < 0 ? (text, null) : (text[..at], text[(at + 1)..]);
        if (!IsId(id))
            throw new PeftException(
                $"{Quoted.Name(id)} is no name of a repository; expected owner/name of letters, digits, \"-\", \"_\" and \".\", "
                + $"{LongestId} characters at most.");
        if (own is not null && revision is not null && own != revision)
            throw new PeftException(
                $"{Quoted.Name(text)} names a revision, and {Quoted.Name(revision)} was given besides; give one of them.");
        revision = own ?? revision ?? DefaultRevision;
        return IsRevision(revision) ? new(id, revision)
            : throw new PeftException($"{Quoted.Name(revision)} is no revision of a repository; expected a branch, a tag or a commit.");
    }

    /// <summary>As <see cref="Parse"/>; null where the text is no name of a repository.</summary>
    public static HubRepository? TryParse(string text) =>
        text.IndexOf('@', StringComparison.Ordinal) is var at
            && IsId(at < 0 ? text : text[..at])
            && (at < 0 || IsRevision(text[(at + 1)..]))
            ? Parse(text)
            : null;

    /// <summary>The same repository at another revision.</summary>
    /// <exception cref="PeftException">The text is no revision.</exception>
    public HubRepository At(string revision) => Parse(Id, revision);

    /// <inheritdoc/>
    public override string ToString() => Revision == DefaultRevision ? Id : $"{Id}@{Revision}";

    /// <summary>The folder of the cache that holds the repository.</summary>
    internal string CacheName => $"models--{Id.Replace("/", "--", StringComparison.Ordinal)}";

    internal static bool IsCommit(string text) => text.Length == 40 && text.All(char.IsAsciiHexDigitLower);

    private static bool IsId(string id) =>
        id.Length <= LongestId && IdPattern().IsMatch(id) && !id.Contains("--", StringComparison.Ordinal)
            && !id.Contains("..", StringComparison.Ordinal) && !id.EndsWith(".git", StringComparison.Ordinal);

    // What git allows, so that a revision is a safe path below refs/ too.
    private static bool IsRevision(string revision) =>
        revision.Length is > 0 and <= LongestRevision
        && !revision.Any(c => char.IsControl(c) || char.IsWhiteSpace(c) || "~^:?*[\\<>\"|".Contains(c))
        && revision.Split('/')
            .All(
                part =>
                    part.Length > 0 && !part.StartsWith('.') && !part.EndsWith('.') && !part.EndsWith(".lock", StringComparison.Ordinal)
                        && !part.Contains("..", StringComparison.Ordinal));

    [GeneratedRegex(@"\A([A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?/)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\z")]
    private static partial Regex IdPattern();
}
