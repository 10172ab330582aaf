using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace PeftSharp.Training;

/// <summary>
/// Where a run stands, in numbers; with the tensors of a <see cref="TrainerSnapshot"/> it goes on as if it had never stopped.
/// </summary>
/// <remarks>
/// Random draws derive from the seed and the step, and the order of the data from the seed and the epoch, so no generator has to be kept.
/// </remarks>
public sealed record TrainerState
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        // A score of a model that diverged is no number.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>Optimizer steps completed.</summary>
    [JsonInclude] public long Step { get; internal set; }

    /// <summary>True once the method has looked at the data: a resumed run does not prepare it again.</summary>
    [JsonInclude] public bool Prepared { get; internal set; }

    /// <summary>The phase that was entered last; 0 from the start.</summary>
    [JsonInclude] public int Phase { get; internal set; }

    /// <summary>Epoch of the next batch.</summary>
    [JsonInclude] public int Epoch { get; internal set; }

    /// <summary>Index of the next batch inside the epoch.</summary>
    [JsonInclude] public int Position { get; internal set; }

    /// <summary>True between a step and the evaluation that belongs to it: one that was cut off is repeated.</summary>
    [JsonInclude] public bool EvaluationDue { get; internal set; }

    /// <summary>Mean loss of the last step; NaN before the first.</summary>
    [JsonInclude] public double Loss { get; internal set; } = double.NaN;

    /// <summary>Best score so far, its sign turned where lower is better; null before the first evaluation.</summary>
    [JsonInclude] public double? Best { get; internal set; }

    /// <summary>Step of the best score.</summary>
    [JsonInclude] public long BestStep { get; internal set; }

    /// <summary>Evaluations since the best score.</summary>
    [JsonInclude] public int SinceBest { get; internal set; }

    /// <summary>The last evaluation.</summary>
    [JsonInclude] public EvaluationResult? LastEvaluation { get; internal set; }

    /// <summary>The evaluation of the best score.</summary>
    [JsonInclude] public EvaluationResult? BestEvaluation { get; internal set; }

    /// <summary>Examples trained on.</summary>
    [JsonInclude] public long Samples { get; internal set; }

    /// <summary>Real tokens trained on.</summary>
    [JsonInclude] public long Tokens { get; internal set; }

    /// <summary>Wall-clock seconds of the run, evaluations included, times between stop and resume left out.</summary>
    [JsonInclude] public double Seconds { get; internal set; }

    /// <summary>Wall-clock seconds of the steps alone.</summary>
    [JsonInclude] public double StepSeconds { get; internal set; }

    /// <summary>The numbers as JSON; <see cref="FromJson"/> gives the same bits back.</summary>
    public JsonObject ToJson() => (JsonObject)JsonSerializer.SerializeToNode(this, Json)!;

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="PeftException">A value has the wrong type or is impossible.</exception>
    public static TrainerState FromJson(JsonObject json)
    {
        try
        {
            var state = json.Deserialize<TrainerState>(Json)!;
            return state is { Step: >= 0, Phase: >= 0, Epoch: >= 0, Position: >= 0, BestStep: >= 0, SinceBest: >= 0 }
                ? state
                : throw new JsonException("a count is below 0");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NotSupportedException)
        {
            throw new PeftException(
                $"The saved training state has a value of the wrong type ({e.Message.TrimEnd('.')}); resume from another checkpoint.", e);
        }
    }
}
