using PeftSharp.Sites;

namespace PeftSharp.Methods.Additive.MultitaskPrompt;

/// <summary>Multitask prompt tuning: one prompt for all tasks, each entry scaled by a factor of low rank that is the task's own.</summary>
internal sealed class MultitaskPromptMethod(string name, MultitaskPromptOptions options) : PeftMethod(name)
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
        Formula = "the model reads [P ⊙ (Ut·Vt); E(tokens)], P shared by all tasks t, Ut [vectors, ranks] and Vt [ranks, width] "
            + "the task's own; all trained",
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
                $"MULTITASK_PROMPT_TUNING: \"prompt_tuning_init\" is \"{_options.Init}\"; expected \"RANDOM\": to start from other "
                + "tasks' prompts, "
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
        var columns = Add("", "prefix_task_cols", [tasks, vectors, rank], () =>
            Initial.Normal([tasks, vectors, rank], 0.02, SeedOf("columns")));
        var rows = Add("", "prefix_task_rows", [tasks, rank, width], () => Initial.Normal([tasks, rank, width], 0.02, SeedOf("rows")));
        Plug(inputs[0].Plugins, new MultitaskPrompt(shared, columns, rows, _options.Task ?? 0, _options.VirtualTokens));
        TrainModules(_options.ModulesToSave);
    }
}
