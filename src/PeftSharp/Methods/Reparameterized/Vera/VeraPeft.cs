using PeftSharp.Methods.Layouts;

namespace PeftSharp.Methods.Reparameterized.Vera;

/// <summary>VeRA as peft writes it: the shared projections once, unless they are to be drawn again.</summary>
internal sealed class VeraPeft : PeftLayout
{
    public override string? Name(PeftMethod adapter, AdapterTensor tensor)
    {
        if (tensor.Role != TensorRole.Frozen) return base.Name(adapter, tensor);
        return ((VeraOptions)adapter.Options).SaveProjection ? $"base_model.{tensor.Local}" : null;
    }
}
