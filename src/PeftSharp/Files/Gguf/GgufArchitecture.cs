namespace PeftSharp.Files.Gguf;

/// <summary>How GGUF files name and keep the tensors of an architecture, beside how Hugging Face does.</summary>
/// <param name="Name">Its name in GGUF.</param>
/// <param name="ModelType">Its <c>model_type</c>.</param>
/// <param name="Class">The beginning of its class in transformers, for example <c>Llama</c>.</param>
internal sealed record GgufArchitecture(string Name, string ModelType, string Class)
{
    private const string Block = "blk.", Layer = "model.layers.";

    // Modules outside the layers, and those of a layer.
    private static readonly (string Gguf, string Other)[] outside = [("token_embd", "model.embed_tokens"), ("output_norm", "model.norm"),
        ("output", "lm_head")];

    private static readonly (string Gguf, string Other)[] attention =
    [
        ("attn_norm", "input_layernorm"), ("attn_q", "self_attn.q_proj"), ("attn_k", "self_attn.k_proj"), ("attn_v", "self_attn.v_proj"),
        ("attn_output", "self_attn.o_proj"), ("ffn_down", "mlp.down_proj"),
    ];

    private static readonly (string Gguf, string Other)[] gated = [("ffn_gate", "mlp.gate_proj"), ("ffn_up", "mlp.up_proj")];

    private static readonly (string Gguf, string Other)[] plain = [.. attention, .. gated, ("ffn_norm", "post_attention_layernorm")];

    private static readonly GgufArchitecture[] all =
    [
        new("llama", "llama", "Llama") { IsInterleaved = true, Modules = plain },
        new("qwen2", "qwen2", "Qwen2") { Modules = plain },
        new("qwen3", "qwen3", "Qwen3") { Modules = [.. plain, ("attn_q_norm", "self_attn.q_norm"), ("attn_k_norm", "self_attn.k_norm")] },
        new("gemma", "gemma", "Gemma") { NormShift = 1, Modules = plain },
        new("gemma2", "gemma2", "Gemma2")
        {
            NormShift = 1,
            Modules =
            [
                .. attention, .. gated, ("post_attention_norm", "post_attention_layernorm"), ("ffn_norm", "pre_feedforward_layernorm"),
                ("post_ffw_norm", "post_feedforward_layernorm"),
            ],
        },
        new("phi3", "phi3", "Phi3")
        {
            Modules = [.. attention, ("attn_qkv", "self_attn.qkv_proj"), ("ffn_up", "mlp.gate_up_proj"),
                ("ffn_norm", "post_attention_layernorm")],
        },
    ];

    /// <summary>The names in GGUF of all that are known.</summary>
    public static string Known => string.Join(", ", all.Select(architecture => architecture.Name));

    /// <summary>True if the rows of queries and keys are kept with the two halves of a head interleaved, for another way to turn
    /// positions.</summary>
    public bool IsInterleaved { get; private init; }

    /// <summary>What the file adds to the weights of norms.</summary>
    public int NormShift { get; private init; }

    private (string Gguf, string Other)[] Modules { get; init; } = [];

    /// <summary>The architecture of a name in GGUF.</summary>
    /// <exception cref="PeftException">It is not known.</exception>
    public static GgufArchitecture Named(string name, string file) => Array.Find(all, architecture => architecture.Name == name)
        ?? throw new PeftException($"{file}: the architecture {Quoted.Name(name)} can't be read from GGUF; supported are {Known}: take "
            + "the Hugging Face folder of the model.");

    /// <summary>The architecture of a <c>model_type</c>; Mistral's files are Llama's. Null if it has no place in GGUF here.</summary>
    public static GgufArchitecture? Of(string modelType) =>
        Array.Find(all, architecture => architecture.ModelType == (modelType == "mistral" ? "llama" : modelType));

    /// <summary>The Hugging Face name of a tensor; null if it has none.</summary>
    public string? ToHuggingFace(string name)
    {
        var dot = name.LastIndexOf('.');
        if (dot < 0) return null;
        var (module, part) = (name[..dot], name[dot..]);
        if (Array.Find(outside, pair => pair.Gguf == module) is { Other: { } whole }) return whole + part;
        if (Split(module, Block) is not { } place) return null;
        return Array.Find(Modules, pair => pair.Gguf == place.Module) is { Other: { } other } ? $"{Layer}{place.Layer}.{other}{part}"
            : null;
    }

    /// <summary>The name of a module in GGUF by its Hugging Face name, with or without the base's prefix; null if it has none.</summary>
    public string? ModuleToGguf(string module)
    {
        foreach (var name in (ReadOnlySpan<string>)[module, $"model.{module}"])
        {
            if (Array.Find(outside, pair => pair.Other == name) is { Gguf: { } whole }) return whole;
            if (Split(name, Layer) is { } place
                && Array.Find(Modules, pair => pair.Other == place.Module) is { Gguf: { } part }) return $"{Block}{place.Layer}.{part}";
        }
        return null;
    }

    /// <summary>True if the rows of a module, by its name in GGUF, are interleaved.</summary>
    public bool IsTurned(string module) => IsInterleaved
        && (module.EndsWith(".attn_q", StringComparison.Ordinal) || module.EndsWith(".attn_k", StringComparison.Ordinal));

    /// <summary>Where each row of a file's queries or keys stands in Hugging Face's order, or the other way round.</summary>
    /// <param name="rows">Number of rows.</param>
    /// <param name="heads">Heads that they belong to.</param>
    /// <param name="toFile">True: for each row of the file, the row of Hugging Face. False: for each of theirs, the file's.</param>
    public static long[] RowOrder(long rows, int heads, bool toFile)
    {
        var (width, order) = (rows / heads, new long[rows]);
        for (var row = 0L; row < rows; row++)
        {
            var (head, at) = (row / width, row % width);
            var other = toFile ? at % 2 * (width / 2) + at / 2 : at % (width / 2) * 2 + at / (width / 2);
            order[row] = head * width + other;
        }
        return order;
    }

    private static (string Layer, string Module)? Split(string module, string prefix)
    {
        if (!module.StartsWith(prefix, StringComparison.Ordinal)) return null;
        var rest = module[prefix.Length..];
        var dot = rest.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && rest.AsSpan(0, dot).IndexOfAnyExceptInRange('0', '9') < 0 ? (rest[..dot], rest[(dot + 1)..]) : null;
    }
}
