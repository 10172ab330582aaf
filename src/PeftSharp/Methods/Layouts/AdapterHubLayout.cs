using System.Text.Json.Nodes;

namespace PeftSharp.Methods.Layouts;

/// <summary>
/// AdapterHub's format: tensors are named by the module that they stand in, the kind of adapter (<c>adapters</c>, <c>loras</c> …) and the
/// adapter's own name; the head lies in a file of its own; settings have other names than peft's.
/// </summary>
/// <param name="kinds">What stands before an adapter's name in a tensor's; the first is that of the method's own tensors.</param>
internal abstract class AdapterHubLayout(params string[] kinds) : AdapterLayout
{
    /// <inheritdoc/>
    public sealed override AdapterFormat Format => AdapterFormat.AdapterHub;

    /// <summary>What stands before an adapter's name in a tensor's, for example <c>loras</c>.</summary>
    public IReadOnlyList<string> Kinds { get; } = kinds;

    /// <summary>The settings as AdapterHub writes them: the <c>config</c> object of its adapter_config.json.</summary>
    /// <param name="options">Settings that <see cref="AdapterLayout.Refusal(MethodOptions)"/> does not refuse.</param>
    public abstract JsonObject Write(MethodOptions options);

    /// <summary>Reads such an object; null where it is another method's.</summary>
    /// <exception cref="PeftException">It is this method's, and has something that is not supported.</exception>
    public abstract MethodOptions? Read(JsonObject config);

    /// <inheritdoc/>
    public override string? Name(PeftMethod adapter, AdapterTensor tensor)
    {
        if (tensor.SavedModule) return null;
        return tensor.Additional ? $"{tensor.Path}.{Kinds[0]}.{adapter.Name}.{Local(tensor)}" : tensor.Name;
    }

    /// <summary>The end of a tensor's name; by default its name in its module.</summary>
    protected virtual string Local(AdapterTensor tensor) => tensor.Local;
}
