using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

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

    /// <summary>
    /// Which of the tasks is answered, from 0; default 0. Its factor and the shared prompt act and are trained; load the adapter once for
    /// each task. A joint run sets it, and trains all tasks.
    /// </summary>
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

    /// <inheritdoc/>
    public override MethodOptions ForTask(int task, int tasks) => this with { Task = task, Tasks = tasks };

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
