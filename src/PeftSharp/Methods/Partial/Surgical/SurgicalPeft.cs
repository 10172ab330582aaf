using PeftSharp.Methods.Layouts;

namespace PeftSharp.Methods.Partial.Surgical;

/// <summary>Surgical fine-tuning in peft's format, which has no such method: whole tensors, and in the settings whose they are.</summary>
internal sealed class SurgicalPeft : PeftLayout
{
    public override MethodOptions SavedOptions(PeftMethod adapter) => ((SurgicalMethod)adapter).SavedOptions;
}
