namespace PeftSharp.Files.Gguf;

/// <summary>How a tensor of a GGUF file is kept.</summary>
/// <param name="Id">Its number in the file.</param>
/// <param name="Name">Its name, for example <c>Q4_K</c>.</param>
/// <param name="BlockSize">Weights of a block.</param>
/// <param name="BlockBytes">Bytes of a block.</param>
internal sealed record GgufType(int Id, string Name, int BlockSize, int BlockBytes)
{
    private static readonly GgufType[] all =
    [
        new(0, "F32", 1, 4), new(1, "F16", 1, 2), new(30, "BF16", 1, 2),
        new(2, "Q4_0", 32, 18), new(3, "Q4_1", 32, 20), new(6, "Q5_0", 32, 22), new(7, "Q5_1", 32, 24), new(8, "Q8_0", 32, 34),
        new(10, "Q2_K", 256, 84), new(11, "Q3_K", 256, 110), new(12, "Q4_K", 256, 144), new(13, "Q5_K", 256, 176),
            new(14, "Q6_K", 256, 210),
    ];

    // Those that llama.cpp has besides, for the sentence.
    private static readonly Dictionary<uint, string> others = new()
    {
        [4] = "Q4_2",
        [5] = "Q4_3",
        [9] = "Q8_1",
        [15] = "Q8_K",
        [16] = "IQ2_XXS",
        [17] = "IQ2_XS",
        [18] = "IQ3_XXS",
        [19] = "IQ1_S",
        [20] = "IQ4_NL",
        [21] = "IQ3_S",
        [22] = "IQ2_S",
        [23] = "IQ4_XS",
        [24] = "I8",
        [25] = "I16",
        [26] = "I32",
        [27] = "I64",
        [28] = "F64",
        [29] = "IQ1_M",
        [34] = "TQ1_0",
        [35] = "TQ2_0",
        [39] = "MXFP4",
    };

    /// <summary>32-bit floats.</summary>
    public static GgufType F32 => all[0];

    /// <summary>16-bit floats.</summary>
    public static GgufType F16 => all[1];

    /// <summary>Eight bits, a scale for 32 weights.</summary>
    public static GgufType Q8 => all[7];

    /// <summary>The names of all that can be read.</summary>
    public static string Known => string.Join(", ", all.Select(type => type.Name));

    /// <summary>True if it is a plain number format.</summary>
    public bool IsPlain => BlockSize == 1;

    /// <summary>The type of a number; null if it can't be read.</summary>
    public static GgufType? Of(uint id) => Array.Find(all, type => type.Id == id);

    /// <summary>The type of a name; null if there is none.</summary>
    public static GgufType? Named(string name) => Array.Find(all, type => type.Name == name);

    /// <summary>A number as a person may know it.</summary>
    public static string Describe(uint id) => others.TryGetValue(id, out var name) ? name : $"number {id}";

    /// <summary>Bytes of so many weights, whole blocks of them.</summary>
    public long BytesOf(long count) => count / BlockSize * BlockBytes;
}
