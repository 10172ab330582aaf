using PeftSharp.Methods.Layouts;

namespace PeftSharp.Methods.Additive.Ia3;

/// <summary>(IA)³ as peft writes it.</summary>
internal sealed class Ia3Peft : PeftLayout
{
    public override string? Refusal(MethodOptions options) => ((Ia3Options)options).Roles is null ? null
        : "IA3: AdapterHub scales what the feed-forward block's first map yields and peft what its second map reads, so the "
            + "adapter cannot be "
          + "saved in the peft format; save it in the AdapterHub format.";
}
