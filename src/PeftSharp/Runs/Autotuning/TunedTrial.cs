using System.Text.Json.Nodes;
using PeftSharp.Files.Json;

namespace PeftSharp.Runs.Autotuning;

/// <summary>A configuration that a search has tried.</summary>
/// <param name="Number">Its number, from 1; one configuration keeps it, however often it is tried.</param>
/// <param name="Description">The configuration for people.</param>
/// <param name="Settings">Its method and settings under the keys of a recipe.</param>
/// <param name="Weights">Weights that it trains, the head not counted.</param>
/// <param name="Epochs">Passes over the rows of the search.</param>
/// <param name="Metric">Name of the score.</param>
/// <param name="HigherIsBetter">True if more of it is better.</param>
/// <param name="Score">Its score on training rows set apart.</param>
/// <param name="Seconds">Seconds of its run.</param>
/// <param name="Folder">Its run, below the folder of the search.</param>
public sealed record TunedTrial(
    int Number, string Description, JsonObject Settings, long Weights, double Epochs, string Metric, bool HigherIsBetter, double Score,
    double Seconds, string Folder)
{
    /// <summary>The configuration.</summary>
    internal Configuration? Point { get; init; }

    /// <summary>The score where more is always better.</summary>
    internal double Gain => HigherIsBetter ? Score : -Score;

    /// <summary>The loss on the rows that were scored; NaN where none is known.</summary>
    internal double Loss { get; init; } = double.NaN;

    /// <summary>
    /// The gain, and among equal ones the lower loss: in a short trial nothing but the majority may be answered yet, and every score is the
    /// same.
    /// </summary>
    internal double Promise => double.IsFinite(Loss) ? Gain - 1e-6 * Loss / (1 + Math.Abs(Loss)) : Gain;

    internal JsonObject Json(bool onFront) => new()
    {
        ["trial"] = Number,
        ["configuration"] = Description,
        ["weights"] = Weights,
        ["epochs"] = Epochs,
        ["metric"] = Metric,
        ["score"] = JsonText.Number(Score),
        ["seconds"] = Seconds,
        ["on_front"] = onFront,
        ["folder"] = Folder,
    };
}
