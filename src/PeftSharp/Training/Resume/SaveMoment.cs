using System.Text.Json.Serialization;

namespace PeftSharp.Training.Resume;

/// <summary>When a run's state is saved. It changes how much is lost by a kill, never the result.</summary>
public enum SaveMoment
{
    /// <summary>Every ten minutes; at the end of an epoch, if a minute has passed; when the run is interrupted.</summary>
    [JsonStringEnumMemberName("auto")] Auto,
    /// <summary>Never, not even when the run is interrupted.</summary>
    [JsonStringEnumMemberName("no")] Never,
    /// <summary>After every <see cref="CheckpointOptions.Steps"/> steps, and when the run is interrupted.</summary>
    [JsonStringEnumMemberName("steps")] Steps,
    /// <summary>After every epoch, and when the run is interrupted.</summary>
    [JsonStringEnumMemberName("epoch")] Epoch,
}
