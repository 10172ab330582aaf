using System.Text.Json.Nodes;
using PeftSharp.Methods.Json;
using PeftSharp.Methods.Layouts;

namespace PeftSharp.Methods.Additive.Prompt;

/// <summary>Prompt tuning as AdapterHub writes it.</summary>
internal sealed class PromptAdapterHub() : AdapterHubLayout("prompt_tunings")
{
    private const string After = "prefix_after_bos";

    public override string? Refusal(MethodOptions options) => ((PromptOptions)options).HubStyle ? null
        : "PROMPT_TUNING: peft's prompts get positions and AdapterHub's do not, so they cannot be saved in the AdapterHub format; "
          + "save in the peft format.";

    public override string? Name(PeftMethod adapter, AdapterTensor tensor) =>
        tensor.SavedModule ? null : $"{adapter.Host.BasePrefix}prompt_tuning.{Kinds[0]}.{adapter.Name}.{tensor.Local}";

    public override JsonObject Write(MethodOptions options)
    {
        var o = (PromptOptions)options;
        var json = (JsonObject?)o.Hub?.DeepClone() ?? new JsonObject
        {
            ["architecture"] = "prompt_tuning",
            ["combine"] = "prefix",
            ["init_weights_seed"] = null,
            ["prompt_init"] = "random_uniform",
            ["prompt_init_text"] = null,
        };
        json["combine"] = o.AfterFirst ? After : "prefix";
        json["prompt_length"] = o.VirtualTokens;
        Literals.Keep(json, o.Hub);
        return json;
    }

    public override MethodOptions? Read(JsonObject config)
    {
        if (config["architecture"]?.ToString() != "prompt_tuning") return null;
        var combine = config["combine"]?.ToString() ?? "prefix";
        if (combine is not ("prefix" or After))
            throw new PeftException($"PROMPT_TUNING: \"combine\" is \"{combine}\"; expected \"prefix\" or \"{After}\".");
        return new PromptOptions
        {
            HubStyle = true,
            AfterFirst = combine == After,
            Init = "UNIFORM",
            VirtualTokens = config["prompt_length"]?.GetValue<int>() ?? 10,
            Hub = config,
        };
    }
}
