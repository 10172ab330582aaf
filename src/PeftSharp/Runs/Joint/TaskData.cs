using System.Text.Json.Nodes;
using PeftSharp.Data;
using PeftSharp.Files.Json;
using PeftSharp.Metrics;
using PeftSharp.Runs.Training;
using PeftSharp.Training;

namespace PeftSharp.Runs.Joint;

/// <summary>A task of a joint run with its rows.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Rows">The rows as they were read.</param>
/// <param name="Train">Those to train on.</param>
/// <param name="Held">Those to score on; null for none.</param>
/// <param name="Metrics">What is scored.</param>
internal sealed record TaskData(string Name, TrainRows Rows, TokenizedDataset Train, TokenizedDataset? Held, MetricSet Metrics)
    : IDisposable
{
    /// <summary>The task's part of joint scores; null where it was not scored.</summary>
    public EvaluationResult? ScoresIn(EvaluationResult? all)
    {
        if (all is null || Held is null) return null;
        var own = all.Values.Where(value => value.Key.StartsWith($"{Name}/", StringComparison.Ordinal))
            .ToDictionary(value => value.Key[(Name.Length + 1)..], value => value.Value);
        return new(own, Metrics.Primary, Metrics.HigherIsBetter, Held.Count, all.Seconds);
    }

    /// <summary>What run.json tells of it.</summary>
    /// <param name="share">Its share of the batches.</param>
    /// <param name="final">The scores of all tasks; null for none.</param>
    public JsonObject Json(double share, EvaluationResult? final)
    {
        var scores = ScoresIn(final);
        return new()
        {
            ["name"] = Name,
            ["problem"] = RunDocument.Problem(Rows.Train.Kind),
            ["task"] = Rows.Task?.Name,
            ["labels"] = Rows.Train.LabelNames is { } names ? JsonText.Texts(names) : null,
            ["columns"] = RunDocument.Columns(Rows.Train),
            ["max_length"] = Train.Origin.MaxLength,
            ["data"] = RunDocument.Data(Train, Held),
            ["share"] = share,
            ["primary"] = scores?.Primary,
            ["metrics"] = scores is null ? null : JsonText.Numbers(scores.Values),
        };
    }

    public void Dispose()
    {
        Train.Dispose();
        Held?.Dispose();
    }
}
