using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Partial.ChildTuning;

/// <summary>Settings of Child-Tuning (Xu et al. 2021, arXiv 2109.05687).</summary>
public sealed record ChildTuningOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "CHILD_TUNING";

    /// <summary>
    /// <c>D</c> (default): the weights with the largest Fisher information are trained, chosen once; <c>F</c>: all weights are trained, and
    /// each step another random part of their gradients counts.
    /// </summary>
    [JsonPropertyName("mode")]
    public string Mode { get; init; } = "D";

    /// <summary>
    /// The share of weights outside the head that is trained (of gradients that count); above 0 and at most 1; default 0.3.
    /// </summary>
    [JsonPropertyName("reserve_p")]
    public double Reserve { get; init; } = 0.3;

    /// <summary>How many training examples the Fisher information of <c>D</c> is estimated from at most, 1 or more; default 1024.</summary>
    [JsonPropertyName("examples")]
    public int Examples { get; init; } = 1024;

    /// <inheritdoc/>
    public override void Validate()
    {
        if (Mode is not ("D" or "F")) throw Bad("mode", $"\"{Mode}\"", "\"D\" or \"F\"");
        if (!(Reserve > 0 && Reserve <= 1)) throw Bad("reserve_p", Reserve, "a share above 0 and at most 1");
        if (Examples < 1) throw Bad("examples", Examples, "1 or more");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) =>
        Mode == "F" ? new ChildTuningFreeMethod(name, this) : new ChildTuningMethod(name, this);
}
