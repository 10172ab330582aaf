namespace PeftSharp.Hub;

/// <summary>A repository's files at a commit, on this machine.</summary>
/// <param name="Repository">What was asked for.</param>
/// <param name="Commit">The commit that the revision stood for.</param>
/// <param name="Folder">The folder, to be opened like any model or adapter folder; never to be written to.</param>
/// <param name="Files">The files that this library reads there.</param>
public sealed record HubSnapshot(HubRepository Repository, string Commit, string Folder, IReadOnlyList<string> Files);
