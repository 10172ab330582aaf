using System.Text.Json.Nodes;
using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.XLora;
using PeftSharp.Runs;
using PeftSharp.Runs.Rows;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Analysis.Gates;

/// <summary>
/// How far the learned gates of an adapter (UniPELT, Mao et al. 2021, arXiv 2110.07577) are open, by layer and by text; of X-LoRA (arXiv
/// 2402.07148) what each expert counts.
/// </summary>
/// <param name="Gates">The gates, by layer.</param>
/// <param name="Texts">How many texts were looked at.</param>
public sealed record GateReport(IReadOnlyList<GateValues> Gates, int Texts)
{
    /// <summary>Looks at the gates while the model answers texts; labels are not needed.</summary>
    /// <param name="model">The model with the adapter.</param>
    /// <param name="data">The texts: a file, a pattern or a folder, read by the columns of training.</param>
    /// <param name="take">How many, from the first on; at least 1; default 20.</param>
    /// <param name="cancellation">Stops the work between batches.</param>
    /// <exception cref="PeftException">The adapter has no gates, or the texts cannot be read.</exception>
    public static GateReport Of(LoadedModel model, string data, int take = 20, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfLessThan(take, 1);
        if (model.Adapter is not { } adapter || !adapter.Tensors.Any(IsGate))
            throw new PeftException(
                $"{model.AdapterFolder ?? model.BaseFolder} has no gates to tell of; expected an adapter that was trained with use_gating, "
                + "as unipelt is, or with xlora.");
        var request = new DataRequest(data) { Kind = LabelKind.None, RequireLabels = false, Usual = model.Columns, Take = take };
        using var tokens = Encoders.Encode(
            request.Load().Data, model.Tokenizer(), model.Model.Model, model.BaseFolder, model.MaxLength(), Caller.Program, cancellation);
        using var guard = no_grad();
        var heard = new Listener(tokens.Count);
        foreach (var rows in BatchPlan.ForEvaluation(tokens.Lengths, added: model.Model.Model.Sites.AddedTokens(model.Selection)))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using var batch = tokens.CreateBatch(rows);
            heard.Rows = rows;
            model.Model.Model.Forward(batch, new ForwardContext { Selection = model.Selection, GateListener = heard });
        }
        return new([.. heard.Values.Select(pair => Named(adapter, pair.Key, pair.Value)).OrderBy(gate => gate.Layer)], tokens.Count);
    }

    /// <summary>The report as JSON.</summary>
    public JsonArray Json() => new([.. Gates.Select(gate => (JsonNode)new JsonObject
    {
        ["method"] = gate.Method,
        ["place"] = gate.Place,
        ["layer"] = gate.Layer,
        ["mean"] = gate.Mean,
        ["values"] = new JsonArray([.. gate.Values.Select(value => (JsonNode?)JsonValue.Create(value))]),
    })]);

    private static bool IsGate(AdapterTensor tensor) => tensor.Local.StartsWith("gate.", StringComparison.Ordinal)
        || tensor.Local.StartsWith(XLoraClassifier.Prefix, StringComparison.Ordinal);

    private static GateValues Named(PeftMethod adapter, (string Gate, int Index) key, double[] values)
    {
        var tensor = adapter.Tensors.First(t => t.Name == key.Gate);
        var part = adapter is CompositeMethod union ? union.Owner(tensor) ?? adapter : adapter;
        var sites = adapter.Host.Sites;
        var places = sites.Attentions.Select(a => a.Place).Concat(sites.Branches.Select(b => b.Place))
            .Concat(sites.Projections.Concat(sites.Parts).Select(p => p.Place));
        var (path, which) = Place(part, tensor, key.Index);
        var layer = places.FirstOrDefault(place => place.Path == path) is { Path: not null } found ? found.Layer : -1;
        return new(MethodRegistry.ByPeftType(part.Options.PeftType)?.Name ?? part.Options.PeftType, path + which, layer, values);
    }

    private static (string Path, string Which) Place(PeftMethod part, AdapterTensor tensor, int index)
    {
        if (part is XLoraMethod { Classifier: { } classifier })
            return classifier.Heard(index) is (var expert, { } map) ? (map, $" (expert {expert})") : ("", $"expert {index}");
        // A prefix may have one gate for keys and one for values.
        return (tensor.Path, tensor.Value.shape[0] == 1 ? "" : index == 0 ? " (keys)" : " (values)");
    }

    private sealed class Listener(int texts) : IGateListener
    {
        public Dictionary<(string, int), double[]> Values { get; } = [];

        public IReadOnlyList<int> Rows { get; set; } = [];

        public void Hear(string gate, Tensor values)
        {
            using var all = values.to(ScalarType.Float64).reshape(Rows.Count, -1).cpu();
            var numbers = all.data<double>().ToArray();
            var gates = (int)all.shape[1];
            for (var index = 0; index < gates; index++)
            {
                if (!Values.TryGetValue((gate, index), out var own)) Values[(gate, index)] = own = new double[texts];
                for (var row = 0; row < Rows.Count; row++) own[Rows[row]] = numbers[row * gates + index];
            }
        }
    }
}
