using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Terminal;

namespace PeftSharp.Cli.Quickstart;

/// <summary>What run.json holds, for people. A second run shows the same as the first.</summary>
/// <param name="run">The document.</param>
/// <param name="folder">Where it was written.</param>
internal sealed class QuickstartReport(JsonObject run, string folder)
{
    private const string Model = "all-MiniLM-L6-v2";

    /// <summary>Writes everything to standard output.</summary>
    public void Write()
    {
        Line(
            $"{Model}, {Figures.Count(Whole("base_weights"))} weights kept in 4 bits ({Figures.Bytes(Whole("base_bytes"))}), was trained "
            + $"to sort customer requests into {Whole("classes")} classes.");
        Line(run["parameters"]!["line"]!.ToString());
        Line();
        Scores();
        Line();
        Line($"training time    {Seconds("train_seconds")} ({Whole("steps")} steps); {Seconds("seconds")} in all");
        Line($"peak memory      {Figures.Bytes(Whole("peak_memory_bytes"))}");
        Line($"adapter on disk  {Figures.Bytes(Whole("adapter_bytes"))}");
        Line();
        Line("Five sentences that are in neither part:");
        var answers = new Grid("answer", ">sure", "sentence");
        foreach (var answer in run["answers"]!.AsArray())
            answers.Row(answer!["label"]!.ToString(), Percent((double)answer["probability"]!, "0"), answer["text"]!.ToString());
        answers.Write();
        Line();
        Merged();
        Line();
        string[] results = ["confusion.png", "loss.png", "run.json"];
        var written = results.Where(name => File.Exists(Path.Combine(folder, name))).Prepend("adapter/ (peft's format)");
        Line($"In {folder}: {string.Join(", ", written)}");
        Line();
        Line("Next:");
        // to be copied as it stands
        foreach (var command in NextCommands.For(Path.Combine(folder, "adapter"))) Console.Out.WriteLine($"  {command}");
    }

    private void Scores()
    {
        var scores = new Grid($"right on {Whole("test_sentences")} held-out sentences", ">accuracy");
        var accuracy = run["accuracy"]!;
        scores.Row("before: untrained head", Percent((double)accuracy["untrained"]!));
        scores.Row("frozen model, head alone trained", Percent((double)accuracy["head_only"]!));
        scores.Row($"after: {run["method"]}, head trained with it", Percent((double)accuracy["trained"]!));
        scores.Write();
    }

    private void Merged()
    {
        if (run["merge"] is not JsonObject merge)
        {
            Line($"{run["method"]} is no change of weights, so it cannot be merged into them.");
            return;
        }
        Line(
            $"Merged into a dense float32 copy of the base (into four bits would round again): {merge["equal_answers"]} of {merge["rows"]} "
            + "answers are the same,");
        Line($"largest difference of a logit {Figures.Small((double)merge["largest_difference"]!)}.");
    }

    private static void Line(string text = "") => Screen.Say(text);

    private long Whole(string key) => (long)run[key]!.AsValue();

    private string Seconds(string key) => string.Create(CultureInfo.InvariantCulture, $"{(double)run[key]!:0} s");

    private static string Percent(double share, string format = "0.0") =>
        (100 * share).ToString(format, CultureInfo.InvariantCulture) + " %";
}
