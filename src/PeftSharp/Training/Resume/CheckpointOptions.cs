using System.Text.Json.Serialization;

namespace PeftSharp.Training.Resume;

/// <summary>Settings of checkpoints, under Hugging Face's names.</summary>
public sealed record CheckpointOptions
{
    /// <summary>When the state is saved; default <see cref="SaveMoment.Auto"/>.</summary>
    [JsonPropertyName("save_strategy")]
    public SaveMoment Moment { get; init; }

    /// <summary>Steps between checkpoints where <see cref="Moment"/> is by steps; at least 1; default 500.</summary>
    [JsonPropertyName("save_steps")]
    public long Steps { get; init; } = 500;

    /// <summary>
    /// Checkpoints that are kept; at least 1; default 2, so that a damaged one costs one interval. Each holds the best weights too, so none
    /// has to be kept for them.
    /// </summary>
    [JsonPropertyName("save_total_limit")]
    public int Limit { get; init; } = 2;

    /// <summary>Checks every value.</summary>
    /// <exception cref="PeftException">A value is out of range; the message names it.</exception>
    public void Validate()
    {
        if (Steps < 1) throw new PeftException($"The setting save_steps is {Steps}; expected 1 or more.");
        if (Limit < 1) throw new PeftException($"The setting save_total_limit is {Limit}; expected 1 or more.");
    }
}
