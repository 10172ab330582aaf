using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Partial.ThresholdMask;

/// <summary>Settings of learned masks (Zhao et al. 2020, arXiv 2004.12406).</summary>
public sealed record ThresholdMaskOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "THRESHOLD_MASK";

    /// <summary>A weight is kept while its score is above this number; default 0.005.</summary>
    [JsonPropertyName("threshold")]
    public double Threshold { get; init; } = 0.005;

    /// <summary>Every score's start, above the threshold, so that the model starts as the base; default 0.01.</summary>
    [JsonPropertyName("start")]
    public double Start { get; init; } = 0.01;

    /// <summary>Linear maps to mask: names or a pattern; null (default): every one inside the layers.</summary>
    [JsonPropertyName("target_modules")]
    public Targets? TargetModules { get; init; }

    /// <summary>True (default) trains the head as well; false trains masks alone.</summary>
    [JsonPropertyName("train_head")]
    public bool TrainHead { get; init; } = true;

    /// <inheritdoc/>
    public override void Validate()
    {
        if (!(Math.Abs(Threshold) <= 1e6)) throw Bad("threshold", Threshold, "a number from -1000000 to 1000000");
        if (!(Start > Threshold && Start <= 1e6))
            throw Bad("start", Start, $"a number above \"threshold\" ({Threshold}) and at most 1000000");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new ThresholdMaskMethod(name, this);
}
