using System.Net;
using System.Net.Http.Headers;

namespace PeftSharp.Hub;

/// <summary>A commit that an upload made.</summary>
/// <param name="Repository">The repository and the branch.</param>
/// <param name="Commit">The commit.</param>
/// <param name="Url">The repository's page.</param>
public sealed record HubCommit(HubRepository Repository, string Commit, string Url);
