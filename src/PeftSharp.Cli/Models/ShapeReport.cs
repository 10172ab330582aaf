using System.Text.Json.Nodes;
using PeftSharp.Cli.Terminal;
using PeftSharp.Cli.Verbs;
using PeftSharp.Composition;
using PeftSharp.Models;
using PeftSharp.Runs.Estimates.Shapes;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Results;

namespace PeftSharp.Cli.Models;

/// <summary>How many weights a method would train on a model of which only the configuration is there.</summary>
internal static class ShapeReport
{
    /// <summary>Counts and prints.</summary>
    /// <param name="file">A config.json, or the folder that holds it.</param>
    /// <param name="method">The method; null counts the model alone.</param>
    /// <param name="changes">Settings of the method, NAME=VALUE.</param>
    /// <param name="json">True prints JSON.</param>
    public static void Print(string file, string? method, string[] changes, bool json)
    {
        if (method is null && changes.Length > 0) throw new UsageException("--set gives settings of a method; name it with --method.");
        var config = Directory.Exists(file) ? ModelConfig.Read(file) : ModelConfig.ReadFile(file);
        using var model = new PeftModel(ModelLoader.Shapes(config));
        var task = model.Model.Head.Kind;
        if (method is null)
        {
            var weights = model.Model.Sites.Count;
            if (json) JsonOut.Write(new JsonObject { ["architecture"] = config.ModelType, ["task"] = $"{task}", ["weights"] = weights });
            else Screen.Say($"{Figures.Count(weights)} weights ({config.ModelType}, {task})");
            return;
        }
        var pairs = changes.Select(text => VerbParts.Pair(text, "r=16"));
        var adapter = ShapesOnly.Add(model, MethodSettings.With(MethodName.Options(method), method, pairs, "--set"));
        var line = ParameterCount.Of(model, adapter);
        if (json) JsonOut.Write(line.Json);
        else
            foreach (var text in line.Lines) Console.Out.WriteLine(text);
    }
}
