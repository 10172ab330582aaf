using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Layouts;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.MultitaskPrompt;

/// <summary>Settings of multitask prompt tuning (Wang et al. 2023, arXiv 2303.02861).</summary>
public sealed record MultitaskPromptOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "MULTITASK_PROMPT_TUNING";

    /// <summary>Number of vectors before the sequence; 1 to 65536; default 20.</summary>
    [JsonPropertyName("num_virtual_tokens")]
    public int VirtualTokens { get; init; } = 20;

    /// <summary>Number of tasks that share the prompt; 1 to 65536; default 1.</summary>
    [JsonPropertyName("num_tasks")]
    public int Tasks { get; init; } = 1;

    /// <summary>Rank of a task's own factor; 1 to 65536; default 1.</summary>
    [JsonPropertyName("num_ranks")]
    public int Rank { get; init; } = 1;

    /// <summary>Which of the tasks is answered, from 0; default 0. Its factor and the shared prompt act and are trained; load the adapter once for each task.</summary>
    [JsonPropertyName("task")]
    public int? Task { get; init; }

    /// <summary>Start: <c>RANDOM</c>. peft's starts from other adapters are read, and cannot be asked for.</summary>
    [JsonPropertyName("prompt_tuning_init")]
    public string Init { get; init; } = "RANDOM";

    /// <summary>Width of a vector; filled in from the model.</summary>
    [JsonPropertyName("token_dim")]
    public int? TokenDim { get; init; }

    /// <summary>Number of layers; filled in from the model.</summary>
    [JsonPropertyName("num_layers")]
    public int? LayerCount { get; init; }

    /// <summary>Number of heads; filled in from the model.</summary>
    [JsonPropertyName("num_attention_heads")]
    public int? HeadCount { get; init; }

    /// <summary>1, or 2 in an encoder–decoder; filled in from the model.</summary>
    [JsonPropertyName("num_transformer_submodules")]
    public int? Submodules { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        if (VirtualTokens is < 1 or > 1 << 16) throw Bad("num_virtual_tokens", VirtualTokens, "a whole number from 1 to 65536");
        if (Tasks is < 1 or > 1 << 16) throw Bad("num_tasks", Tasks, "a whole number from 1 to 65536");
        if (Rank is < 1 or > 1 << 16) throw Bad("num_ranks", Rank, "a whole number from 1 to 65536");
        if (Task is { } task && (task < 0 || task >= Tasks)) throw Bad("task", task, $"one of the {Tasks} tasks, from 0");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new MultitaskPromptMethod(name, this);

    internal override JsonObject PeftFields => new()
    {
        ["auto_mapping"] = null,
        ["prompt_tuning_init_state_dict_path"] = null,
        ["prompt_tuning_init_task"] = 0,
        ["prompt_tuning_init_text"] = null,
        ["tokenizer_kwargs"] = null,
        ["tokenizer_name_or_path"] = null,
    };

    internal override IReadOnlyList<string> OwnFields => ["task"];
}

/// <summary>Multitask prompt tuning: one prompt for all tasks, each entry scaled by a factor of low rank that is the task's own.</summary>
public sealed class MultitaskPromptMethod(string name, MultitaskPromptOptions options) : PeftMethod(name)
{
    private MultitaskPromptOptions _options = options;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "multitask-prompt",
        Aliases = ["multitask_prompt_tuning", "mpt"],
        Family = MethodFamily.Additive,
        PeftType = "MULTITASK_PROMPT_TUNING",
        Paper = "Wang et al. 2023, arXiv 2303.02861",
        Sites = "input",
        Summary = "A prompt that tasks share, scaled by a small factor of each task.",
        Formula = "the model reads [P ⊙ (Ut·Vt); E(tokens)], P shared by all tasks t, Ut [vectors, ranks] and Vt [ranks, width] the task's own; all trained",
        OptionsType = typeof(MultitaskPromptOptions),
        Layouts = [new MultitaskPromptPeft()],
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        if (!host.FromFile && _options.Init != "RANDOM")
        {
            throw new PeftException(
                $"MULTITASK_PROMPT_TUNING: \"prompt_tuning_init\" is \"{_options.Init}\"; expected \"RANDOM\": to start from other tasks' prompts, "
                + "load their adapter and train it.");
        }
        var inputs = host.Sites.Inputs;
        var attention = host.Sites.Attentions[0];
        // Where embeddings are narrower than the layers, what stands among words is as wide as they are.
        var width = (int)host.Sites.Embeddings[0].Dim;
        _options = _options with
        {
            TokenDim = width,
            LayerCount = host.Sites.Attentions.Count(a => a.Kind == attention.Kind && a.Place.Stack == attention.Place.Stack),
            HeadCount = attention.Heads,
            Submodules = inputs.Count,
            ModulesToSave = ModulesWithHead(_options.ModulesToSave),
        };
        // peft counts and saves a prompt for the decoder as well, and then lets it read none.
        var (vectors, tasks, rank) = (_options.VirtualTokens * inputs.Count, _options.Tasks, _options.Rank);
        var shared = Add("", "embedding.weight", [vectors, width], () => Initial.Normal([vectors, width], 1, SeedOf("prompt")));
        var columns = Add("", "prefix_task_cols", [tasks, vectors, rank], () => Initial.Normal([tasks, vectors, rank], 0.02, SeedOf("columns")));
        var rows = Add("", "prefix_task_rows", [tasks, rank, width], () => Initial.Normal([tasks, rank, width], 0.02, SeedOf("rows")));
        Plug(inputs[0].Plugins, new MultitaskPrompt(shared, columns, rows, _options.Task ?? 0, _options.VirtualTokens));
        TrainModules(_options.ModulesToSave);
    }
}

/// <summary>The prompt of one task.</summary>
internal sealed class MultitaskPrompt(AdapterTensor shared, AdapterTensor columns, AdapterTensor rows, int task, int length) : IInputPlugin
{
    public InputStage Stage => InputStage.Words;

    public int Length => length;

    public Tensor Vectors(ForwardContext context)
    {
        var factor = matmul(columns.Get(context)[task], rows.Get(context)[task]);                    // [vectors, width]
        return (shared.Get(context) * factor).narrow(0, 0, length);
    }
}

/// <summary>Multitask prompts as peft writes them.</summary>
internal sealed class MultitaskPromptPeft : PeftLayout
{
    public override string? Name(PeftMethod adapter, AdapterTensor tensor) => tensor.SavedModule ? $"base_model.{tensor.Name}"
        : tensor.Local == "embedding.weight" ? "prompt_embeddings" : tensor.Local;

    public override string ReferenceName(PeftMethod adapter, AdapterTensor tensor) =>
        tensor.SavedModule ? base.ReferenceName(adapter, tensor) : $"prompt_encoder.{tensor.Local}";
}
