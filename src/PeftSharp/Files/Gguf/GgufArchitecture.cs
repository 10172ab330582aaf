namespace PeftSharp.Files.Gguf;

/// <summary>How GGUF files name and keep the tensors of an architecture, beside how Hugging Face does.</summary>
/// <param name="Name">Its name in GGUF.</param>
/// <param name="ModelType">Its <c>model_type</c>.</param>
/// <param name="Class">The beginning of its class in transformers, for example <c>Llama</c>.</param>
internal sealed record GgufArchitecture(string Name, string ModelType, string Class)
{
    private const string Block = "blk.";

    // Modules outside the layers, and those of a layer.
    private static readonly (string Gguf, string Other)[] outside = [("token_embd", "embed_tokens"), ("output_norm", "norm")];

    private static readonly (string Gguf, string Other)[] attention =
    [
        ("attn_norm", "input_layernorm"), ("attn_q", "self_attn.q_proj"), ("attn_k", "self_attn.k_proj"), ("attn_v", "self_attn.v_proj"),
        ("attn_output", "self_attn.o_proj"), ("ffn_down", "mlp.down_proj"),
    ];

    private static readonly (string Gguf, string Other)[] gated = [("ffn_gate", "mlp.gate_proj"), ("ffn_up", "mlp.up_proj")];

    // Of T5: the own sequence, then in the decoder the encoder's, then the feed-forward block.
    private static readonly (string Gguf, string Other)[] own =
    [
        ("attn_norm", "layer.0.layer_norm"), ("attn_q", "layer.0.SelfAttention.q"), ("attn_k", "layer.0.SelfAttention.k"),
        ("attn_v", "layer.0.SelfAttention.v"), ("attn_o", "layer.0.SelfAttention.o"),
        ("attn_rel_b", "layer.0.SelfAttention.relative_attention_bias"),
    ];

    private static readonly (string Gguf, string Other)[] cross =
    [
        ("cross_attn_norm", "layer.1.layer_norm"), ("cross_attn_q", "layer.1.EncDecAttention.q"),
        ("cross_attn_k", "layer.1.EncDecAttention.k"), ("cross_attn_v", "layer.1.EncDecAttention.v"),
        ("cross_attn_o", "layer.1.EncDecAttention.o"),
    ];

    private static (string Gguf, string Other)[] FeedForward(int layer) =>
    [
        ("ffn_norm", $"layer.{layer}.layer_norm"), ("ffn_gate", $"layer.{layer}.DenseReluDense.wi_0"),
        ("ffn_up", $"layer.{layer}.DenseReluDense.{Gated}"), ("ffn_up", $"layer.{layer}.DenseReluDense.wi"),
        ("ffn_down", $"layer.{layer}.DenseReluDense.wo"),
    ];

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
        new("gpt2", "gpt2", "GPT2")
        {
            Root = "transformer.",
            Layer = "h.",
            LanguageClass = "GPT2LMHeadModel",
            Outside = [("token_embd", "wte"), ("position_embd", "wpe"), ("output_norm", "ln_f")],
            Modules =
            [
                ("attn_norm", "ln_1"), ("attn_qkv", "attn.c_attn"), ("attn_output", "attn.c_proj"), ("ffn_norm", "ln_2"),
                ("ffn_up", "mlp.c_fc"), ("ffn_down", "mlp.c_proj"),
            ],
        },
        new("falcon", "falcon", "Falcon")
        {
            Root = "transformer.",
            Layer = "h.",
            IsGrouped = true,
            Outside = [("token_embd", "word_embeddings"), ("output_norm", "ln_f")],
            Modules =
            [
                ("attn_norm", OwnNorm), ("attn_norm_2", "ln_attn"), ("attn_norm", "input_layernorm"),
                ("attn_qkv", "self_attention.query_key_value"), ("attn_output", "self_attention.dense"),
                ("ffn_up", "mlp.dense_h_to_4h"), ("ffn_down", "mlp.dense_4h_to_h"),
            ],
        },
        new("t5", "t5", "T5")
        {
            Root = "",
            LanguageClass = "T5ForConditionalGeneration",
            Outside =
            [
                ("token_embd", "shared"), ("enc.output_norm", "encoder.final_layer_norm"), ("dec.output_norm", "decoder.final_layer_norm"),
            ],
            Stacks =
            [
                ("enc.blk.", "encoder.block.", [.. own, .. FeedForward(1)]),
                ("dec.blk.", "decoder.block.", [.. own, .. cross, .. FeedForward(2)]),
            ],
        },
    ];

    // Names that a file has for one module or another: the norm of Falcon's feed-forward block, where the attention has another one, and
    // the map beside T5's gate.
    private const string OwnNorm = "ln_mlp", Gated = "wi_1";

    /// <summary>The names in GGUF of all that are known.</summary>
    public static string Known => string.Join(", ", all.Select(architecture => architecture.Name));

    /// <summary>True if the rows of queries and keys are kept with the two halves of a head interleaved, for another way to turn
    /// positions.</summary>
    public bool IsInterleaved { get; private init; }

    /// <summary>True if one map for queries, keys and values has them in turn by groups of heads, and the file one kind after the
    /// other.</summary>
    public bool IsGrouped { get; private init; }

    /// <summary>The class of its language model in transformers.</summary>
    public string LanguageClass { get; private init; } = $"{Class}ForCausalLM";

    /// <summary>What the file adds to the weights of norms.</summary>
    public int NormShift { get; private init; }

    private (string Gguf, string Other)[] Modules { get; init; } = [];

    private (string Gguf, string Other)[] Outside { get; init; } = outside;

    // What stands before the names of the base model, and before a layer's number.
    private string Root { get; init; } = "model.";

    private string Layer { get; init; } = "layers.";

    // Layers of one kind: what stands before their numbers, and their modules; the only ones unless there are two stacks.
    private (string Gguf, string Other, (string Gguf, string Other)[] Modules)[] Stacks
    {
        get => field ?? [(Block, Layer, Modules)];
        init;
    }

    /// <summary>The architecture of a file, as its tensors tell it.</summary>
    /// <exception cref="PeftException">It is not known.</exception>
    public static GgufArchitecture Of(GgufFile file)
    {
        var architecture = Named(file.Architecture, file.Path);
        bool Is((string Gguf, string Other) pair) => pair.Other.EndsWith(OwnNorm, StringComparison.Ordinal) ? HasTwoNorms(file)
            : !pair.Other.EndsWith(Gated, StringComparison.Ordinal) || HasGate(file);
        return architecture with { Stacks = [.. architecture.Stacks.Select(s => (s.Gguf, s.Other, s.Modules.Where(Is).ToArray()))] };
    }

    /// <summary>True if T5's feed-forward blocks have a gate.</summary>
    public static bool HasGate(GgufFile file) => file.Tensors.ContainsKey("enc.blk.0.ffn_gate.weight");

    /// <summary>True if both blocks of a layer have a norm of their own, beside each other (Falcon 40B).</summary>
    public static bool HasTwoNorms(GgufFile file) => file.Tensors.ContainsKey("blk.0.attn_norm_2.weight");

    /// <summary>The architecture of a name in GGUF.</summary>
    /// <exception cref="PeftException">It is not known.</exception>
    public static GgufArchitecture Named(string name, string file) => Array.Find(all, architecture => architecture.Name == name)
        ?? throw new PeftException($"{file}: the architecture {Quoted.Name(name)} can't be read from GGUF; supported are {Known}: take "
            + "the Hugging Face folder of the model.");

    /// <summary>The architecture of a <c>model_type</c>; Mistral's files are Llama's.</summary>
    /// <exception cref="PeftException">It has no place in GGUF here.</exception>
    public static GgufArchitecture Of(string modelType, string file) =>
        Array.Find(all, architecture => architecture.ModelType == (modelType == "mistral" ? "llama" : modelType))
        ?? throw new PeftException($"{file}: the architecture \"{modelType}\" can't be written as GGUF"
            + $"{(modelType == "opt" ? ", for llama.cpp knows no OPT" : "")}; supported are {Known}.");

    /// <summary>The Hugging Face name of a tensor; null if it has none.</summary>
    public string? ToHuggingFace(string name)
    {
        var dot = name.LastIndexOf('.');
        if (dot < 0) return null;
        var (module, part) = (name[..dot], name[dot..]);
        if (module == "output") return $"lm_head{part}";
        if (Array.Find(Outside, pair => pair.Gguf == module) is { Other: { } whole }) return Root + whole + part;
        foreach (var stack in Stacks)
            if (Split(module, stack.Gguf) is { } place
                && Array.Find(stack.Modules, pair => pair.Gguf == place.Module) is { Other: { } other })
                return $"{Root}{stack.Other}{place.Layer}.{other}{part}";
        return null;
    }

    /// <summary>The name of a module in GGUF by its Hugging Face name, with or without the base's prefix; null if it has none.</summary>
    public string? ModuleToGguf(string module)
    {
        if (module == "lm_head") return "output";
        var name = module.StartsWith(Root, StringComparison.Ordinal) ? module[Root.Length..] : module;
        if (Array.Find(Outside, pair => pair.Other == name) is { Gguf: { } whole }) return whole;
        foreach (var stack in Stacks)
            if (Split(name, stack.Other) is { } place
                && Array.Find(stack.Modules, pair => pair.Other == place.Module) is { Gguf: { } part })
                return $"{stack.Gguf}{place.Layer}.{part}";
        return null;
    }

    /// <summary>The rows of a module where the file has them in another order; null where it has Hugging Face's.</summary>
    /// <param name="module">Its name in GGUF.</param>
    /// <param name="rows">How many rows it has.</param>
    /// <param name="heads">Heads of the attention, and of its keys and values.</param>
    /// <param name="toFile">True: for each row of the file, the row of Hugging Face. False: for each of theirs, the file's.</param>
    /// <returns>The rows; empty where the heads do not divide them.</returns>
    public long[]? Order(string module, long rows, (int Query, int Key) heads, bool toFile) =>
        IsGrouped && module.EndsWith(".attn_qkv", StringComparison.Ordinal) ? GgufRows.Grouped(rows, heads.Query, heads.Key, toFile)
        : IsInterleaved && module.EndsWith(".attn_q", StringComparison.Ordinal) ? GgufRows.Interleaved(rows, heads.Query, toFile)
        : IsInterleaved && module.EndsWith(".attn_k", StringComparison.Ordinal) ? GgufRows.Interleaved(rows, heads.Key, toFile)
        : null;

    private static (string Layer, string Module)? Split(string module, string prefix)
    {
        if (!module.StartsWith(prefix, StringComparison.Ordinal)) return null;
        var rest = module[prefix.Length..];
        var dot = rest.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && rest.AsSpan(0, dot).IndexOfAnyExceptInRange('0', '9') < 0 ? (rest[..dot], rest[(dot + 1)..]) : null;
    }
}
