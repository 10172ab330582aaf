namespace PeftSharp.Runs.Sources;

/// <summary>A model or an adapter: what it is called, and the folder where it lies.</summary>
/// <param name="Name">The name of the hub, or the path as the user gave it: what an adapter remembers of its base.</param>
/// <param name="Folder">The local folder.</param>
/// <param name="Revision">The revision of the hub, if another than main was asked for.</param>
/// <param name="Commit">The commit of the hub.</param>
public sealed record ModelFolder(string Name, string Folder, string? Revision = null, string? Commit = null);
