using System.Globalization;
using PeftSharp.Methods.Layouts;

namespace PeftSharp.Methods.Hybrid.XLora;

/// <summary>
/// X-LoRA on disk: the classifier and the settings under peft's names; the experts, which peft keeps in folders of their own, in the same
/// file, <c>experts.INDEX.</c> before peft's names of a LoRA, and their settings as <c>experts</c>.
/// </summary>
internal sealed class XLoraPeft : PeftLayout
{
    public override string? Refusal(PeftMethod adapter) =>
        ((XLoraMethod)adapter).Parts.Select(part => part.Refusal(AdapterFormat.Peft)).FirstOrDefault(sentence => sentence is not null);

    public override MethodOptions SavedOptions(PeftMethod adapter) => (XLoraOptions)adapter.Options with
    {
        Experts = [.. ((XLoraMethod)adapter).Parts.Select(part => new MethodPart(Of(part).SavedOptions(part)))],
    };

    public override string? Name(PeftMethod adapter, AdapterTensor tensor)
    {
        if (((XLoraMethod)adapter).Owner(tensor) is not { } expert)
            // The classifier stands beside the model in peft, not in it.
            return tensor.Path.Length == 0 ? $"base_model.{tensor.Local}" : base.Name(adapter, tensor);
        var index = ((XLoraMethod)adapter).Parts.ToList().IndexOf(expert);
        var name = Of(expert).Name(expert, tensor)!.Replace(Prefix + tensor.Scope, Prefix, StringComparison.Ordinal);
        return string.Create(CultureInfo.InvariantCulture, $"experts.{index}.{name}");
    }

    private static PeftLayout Of(PeftMethod expert) => (PeftLayout)expert.Layout(AdapterFormat.Peft);
}
