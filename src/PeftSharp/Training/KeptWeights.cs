using System.Text.Json.Nodes;
using PeftSharp.Checkpoints;
using static TorchSharp.torch;

namespace PeftSharp.Training;

/// <summary>A copy of what a model has learnt: its parameters and its method's own state. The best of a run is kept in one.</summary>
internal sealed class KeptWeights : IDisposable
{
    private const string Parameters = "parameter:", Method = "method:";
    private readonly Dictionary<string, Tensor> _tensors = [];
    private readonly JsonNode? _json;

    public KeptWeights(ITrainingModel model)
    {
        _tensors.AddCopies(Parameters, Live(model));
        _tensors.AddCopies(Method, model.MethodState);
        _json = model.MethodStateJson;
    }

    private KeptWeights(IEnumerable<KeyValuePair<string, Tensor>> tensors, JsonNode? json)
    {
        _tensors.AddCopies("", tensors);
        _json = json?.DeepClone();
    }

    /// <summary>The trained tensors by name.</summary>
    public static Dictionary<string, Tensor> Live(ITrainingModel model) => model.Parameters.ToDictionary(p => p.Name, p => p.Value);

    /// <summary>Puts the copy back into the model: its method first, which may change the shapes of what is trained.</summary>
    public void Restore(ITrainingModel model)
    {
        model.RestoreMethodState(_tensors.Part(Method), _json?.DeepClone());
        var live = Live(model);
        var saved = _tensors.Part(Parameters);
        NamedTensors.Check(live, saved, "the trained parameters");
        NamedTensors.Copy(live, saved);
    }

    /// <summary>Adds copies of the tensors to a snapshot.</summary>
    /// <returns>The method's JSON.</returns>
    public JsonNode? AddTo(Dictionary<string, Tensor> tensors, string prefix)
    {
        tensors.AddCopies(prefix, _tensors);
        return _json?.DeepClone();
    }

    /// <summary>Copies what <see cref="AddTo"/> gave; null where there is nothing.</summary>
    public static KeptWeights? From(Dictionary<string, Tensor> tensors, JsonNode? json) => tensors.Count == 0 ? null : new(tensors, json);

    public void Dispose()
    {
        foreach (var tensor in _tensors.Values) tensor.Dispose();
    }
}
