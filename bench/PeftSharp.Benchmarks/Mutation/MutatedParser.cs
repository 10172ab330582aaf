namespace PeftSharp.Benchmarks.Mutation;

/// <summary>A reader of files and good examples of what it reads.</summary>
/// <param name="Name">What it is called in reports.</param>
/// <param name="File">The name under which an input is put into a folder; the rest of the folder is good.</param>
/// <param name="Seeds">Good contents.</param>
/// <param name="Parse">Reads the file of that path, all of it: nothing may be left to surface later.</param>
internal sealed record MutatedParser(string Name, string File, IReadOnlyList<byte[]> Seeds, Action<string> Parse)
{
    /// <summary>Good files that belong beside the input, by name.</summary>
    public IReadOnlyDictionary<string, byte[]> Beside { get; init; } = new Dictionary<string, byte[]>();
}
