using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Partial.Mask;

/// <summary>Settings of masks that need no data.</summary>
public sealed record MaskOptions : MethodOptions
{
    internal const string Largest = "magnitude", Smallest = "smallest", Random = "random";

    /// <inheritdoc/>
    public override string PeftType => "MASK";

    /// <summary>The share of the weights outside the head that is trained, above 0 and at most 1; default 0.005.</summary>
    [JsonPropertyName("keep")]
    public double Keep { get; init; } = 0.005;

    /// <summary>Which weights: <c>magnitude</c> (default; the largest), <c>smallest</c> (PaFi) or <c>random</c>.</summary>
    [JsonPropertyName("choose")]
    public string Choice { get; init; } = Largest;

    /// <inheritdoc/>
    public override void Validate()
    {
        if (!(Keep > 0 && Keep <= 1)) throw Bad("keep", Keep, "a share above 0 and at most 1");
        if (Choice is not (Largest or Smallest or Random))
            throw Bad("choose", $"\"{Choice}\"", "\"magnitude\", \"smallest\" or \"random\"");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new MaskMethod(name, this);
}
