namespace PeftSharp.Files.Json;

/// <summary>How much a JSON document may hold before it is refused.</summary>
internal sealed record JsonBounds
{
    /// <summary>Of settings, reports and answers of a server.</summary>
    public static JsonBounds Settings { get; } = new();

    /// <summary>Of vocabularies, indexes, fingerprints and saved training states, which list things by the hundred thousand.</summary>
    public static JsonBounds Lists { get; } = new() { Bytes = 256 << 20, Values = 8_000_000, Text = 16 << 20 };

    /// <summary>Bytes of the file; default 16 MB.</summary>
    public long Bytes { get; init; } = 16 << 20;

    /// <summary>Objects and arrays inside one another; default 64.</summary>
    public int Depth { get; init; } = 64;

    /// <summary>Values of every kind together; default a million.</summary>
    public int Values { get; init; } = 1_000_000;

    /// <summary>Bytes of one text, name or number; default 1 MB.</summary>
    public int Text { get; init; } = 1 << 20;
}
