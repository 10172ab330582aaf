using PeftSharp.Methods.Layouts;
using TorchSharp;

namespace PeftSharp.Methods.Additive.MultitaskPrompt;

/// <summary>Multitask prompts as peft writes them.</summary>
internal sealed class MultitaskPromptPeft : PeftLayout
{
    public override string? Name(PeftMethod adapter, AdapterTensor tensor) => tensor.SavedModule ? $"base_model.{tensor.Name}"
        : tensor.Local == "embedding.weight" ? "prompt_embeddings" : tensor.Local;

    public override string ReferenceName(PeftMethod adapter, AdapterTensor tensor) =>
        tensor.SavedModule ? base.ReferenceName(adapter, tensor) : $"prompt_encoder.{tensor.Local}";
}
