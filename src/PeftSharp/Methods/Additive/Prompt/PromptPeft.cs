using PeftSharp.Methods.Layouts;

namespace PeftSharp.Methods.Additive.Prompt;

/// <summary>Prompt tuning as peft writes it, the head without "model" in its names.</summary>
internal sealed class PromptPeft : PeftLayout
{
    public override string? Refusal(MethodOptions options) => !((PromptOptions)options).HubStyle ? null
        : "PROMPT_TUNING: AdapterHub's prompts get no positions and peft's do, so they cannot be saved in the peft format; "
          + "save them in the AdapterHub format.";

    public override string? Name(PeftMethod adapter, AdapterTensor tensor) =>
        tensor.SavedModule ? $"base_model.{tensor.Name}" : "prompt_embeddings";

    public override string ReferenceName(PeftMethod adapter, AdapterTensor tensor) =>
        tensor.SavedModule ? base.ReferenceName(adapter, tensor) : $"prompt_encoder.{tensor.Local}";
}
