using System.Text.Json.Nodes;
using PeftSharp.Files;
using static TorchSharp.torch;

namespace PeftSharp.Training;

/// <summary>A copy of what a model has learnt: its parameters and its method's own state. The best of a run is kept in one.</summary>
internal sealed class KeptWeights : IDisposable
{
    private const string Parameters = "parameter:", Method = "method:";
    private readonly Dictionary<string, Tensor> _tensors = [];
    private readonly JsonNode? _json;

    /// <summary>Copies a model's.</summary>
    public KeptWeights(ITrainingModel model) => _json = Copy(model, _tensors);

    /// <summary>Copies saved ones.</summary>
    public KeptWeights(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        _tensors.AddCopies("", tensors);
        _json = json?.DeepClone();
    }

    /// <summary>Adds copies of a model's tensors to a snapshot.</summary>
    /// <returns>The method's JSON.</returns>
    public static JsonNode? Copy(ITrainingModel model, Dictionary<string, Tensor> to)
    {
        to.AddCopies(Parameters, Live(model));
        to.AddCopies(Method, model.MethodState);
        return model.MethodStateJson;
    }

    /// <summary>Puts saved tensors back into a model: its method first, which may change the shapes of what is trained.</summary>
    public static void Restore(ITrainingModel model, IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        model.RestoreMethodState(tensors.Part(Method), json?.DeepClone());
        var (live, saved) = (Live(model), tensors.Part(Parameters));
        NamedTensors.Check(live, saved, "the trained parameters");
        NamedTensors.Copy(live, saved);
    }

    /// <summary>Puts the copy back into the model.</summary>
    public void Restore(ITrainingModel model) => Restore(model, _tensors, _json);

    /// <summary>Adds copies of the tensors to a snapshot.</summary>
    /// <returns>The method's JSON.</returns>
    public JsonNode? AddTo(Dictionary<string, Tensor> tensors, string prefix)
    {
        tensors.AddCopies(prefix, _tensors);
        return _json?.DeepClone();
    }

    public void Dispose()
    {
        foreach (var tensor in _tensors.Values) tensor.Dispose();
    }

    private static Dictionary<string, Tensor> Live(ITrainingModel model) => model.Parameters.ToDictionary(p => p.Name, p => p.Value);
}
