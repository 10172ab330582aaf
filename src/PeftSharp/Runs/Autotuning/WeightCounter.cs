using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Models;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Runs.Autotuning;

/// <summary>Counts what settings would train, on a model without numbers: nothing is run.</summary>
internal sealed class WeightCounter : IDisposable
{
    private readonly PeftModel _model;

    /// <summary>Reads a model's configuration.</summary>
    /// <param name="folder">The model's folder.</param>
    public WeightCounter(string folder)
    {
        ModelLoader.RequireFolder(folder);
        _model = new(ModelLoader.Shapes(ModelConfig.Read(folder)));
        Layers = _model.Model.Sites.Branches.Select(b => b.Layer).Append(-1).Max() + 1;
    }

    /// <summary>Layers of the model; of two stacks, those of the longer.</summary>
    public int Layers { get; }

    /// <summary>Weights that are trained; the head's are not counted.</summary>
    /// <param name="settings">The settings of a run: <c>method</c>, and the method's among them.</param>
    /// <exception cref="PeftException">They do not fit the model.</exception>
    public long Of(JsonObject settings)
    {
        var method = $"{settings["method"]}";
        var changes = settings.Where(s => s.Key != "method" && TrainKeys.Find(s.Key) is null)
            .Select(s => KeyValuePair.Create(s.Key, Text(s.Value)));
        var adapter = _model.Add(MethodSettings.With(MethodName.Options(method), method, changes, "the search space"));
        try
        {
            return adapter.TrainedWeights - adapter.HeadWeights;
        }
        finally
        {
            _model.Remove(adapter.Name);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private static string Text(JsonNode? value) =>
        value is JsonValue text && text.TryGetValue<string>(out var plain) ? plain : value?.ToJsonString() ?? "null";
}
