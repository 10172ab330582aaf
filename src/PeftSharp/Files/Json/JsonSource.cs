namespace PeftSharp.Files.Json;

/// <summary>What a JSON document is called in messages.</summary>
/// <param name="Name">Its path, or a few words where it is no file.</param>
/// <param name="Advice">What to do about a bad one, for example <c>restore the file from the model's source</c>.</param>
internal sealed record JsonSource(string Name, string Advice)
{
    /// <summary>What to throw for the document as a whole.</summary>
    public PeftException Bad(string problem, Exception? inner = null) =>
        inner is null ? new($"{Name} {problem}; {Advice}.") : new($"{Name} {problem}; {Advice}.", inner);

    /// <summary>What to throw for one of its values.</summary>
    /// <param name="path">Where it stands, for example <c>$.config.r</c>.</param>
    /// <param name="line">Its line, from 1; 0 where it is not known.</param>
    /// <param name="problem">What was found and what was expected.</param>
    public PeftException BadAt(string path, int line, string problem) =>
        new($"{Name}{(line > 0 ? $", line {line}" : "")}: {Printable.Cut(path, 200)} {problem}; {Advice}.");
}
