using System.Text.Json.Serialization;
using PeftSharp.Data;
using PeftSharp.Training.Optimizers;

namespace PeftSharp.Training;

/// <summary>When the model is scored during training.</summary>
public enum EvaluationMoment
{
    /// <summary>Not during training.</summary>
    [JsonStringEnumMemberName("no")] Never,
    /// <summary>After every <see cref="TrainerOptions.EvaluationSteps"/> steps, and at the end.</summary>
    [JsonStringEnumMemberName("steps")] Steps,
    /// <summary>After every epoch.</summary>
    [JsonStringEnumMemberName("epoch")] Epoch,
}
