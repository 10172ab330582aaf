using System.Text.Json.Serialization;
using PeftSharp.Methods.Partial.Sparse;

namespace PeftSharp.Methods.Partial.Mask;

/// <summary>Settings of masks that need no data.</summary>
public sealed record MaskOptions : ChosenWeightsOptions
{
    internal const string Largest = "magnitude", Smallest = "smallest", Random = "random";

    /// <inheritdoc/>
    public override string PeftType => "MASK";

    /// <summary>Which weights: <c>magnitude</c> (default; the largest), <c>smallest</c> (PaFi) or <c>random</c>.</summary>
    [JsonPropertyName("choose")]
    public string Choice { get; init; } = Largest;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        if (Choice is not (Largest or Smallest or Random))
            throw Bad("choose", $"\"{Choice}\"", "\"magnitude\", \"smallest\" or \"random\"");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new MaskMethod(name, this);
}
