namespace PeftSharp.Files.Gguf;

/// <summary>A block of 256 weights as codes of a byte: weight i is <c>Scales[i / 16] · Codes[i] + Minima[i / 16]</c>.</summary>
internal unsafe struct GgufCodes
{
    /// <summary>Weights of a block.</summary>
    public const int Size = 256;

    /// <summary>Weights of a group, which share a scale.</summary>
    public const int Group = 16;

    /// <summary>The codes.</summary>
    public fixed sbyte Codes[Size];

    /// <summary>The scales.</summary>
    public fixed float Scales[Size / Group];

    /// <summary>What is added to each weight of a group; not set by types that have no minima.</summary>
    public fixed float Minima[Size / Group];
}
