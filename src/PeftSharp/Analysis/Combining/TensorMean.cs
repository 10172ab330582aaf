using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Interop;
using PeftSharp.Methods;

namespace PeftSharp.Analysis.Combining;

/// <summary>The weighted mean of adapters of one method and equal settings, tensor by tensor.</summary>
internal static class TensorMean
{
    // Settings that do not change what is computed.
    private static readonly string[] Free =
    [
        "dropout", "lora_dropout", "attn_dropout", "module_dropout", "rank_dropout", "init_weights", "init_weights_seed",
            "init_lora_weights", "init_scale",
        "base_model_name_or_path", "revision", "inference_mode", "peft_version", "task_type", "prompt_tuning_init",
            "prompt_tuning_init_text",
    ];

    public static PeftMethod Of(PeftModel model, IReadOnlyList<(PeftMethod Adapter, double Weight)> sources, CombinedHeads heads,
        string name)
    {
        var sum = sources.Sum(source => source.Weight);
        if (!(sum > 0)) throw new PeftException($"The weights of a mean add up to {sum}; expected a sum above 0.");
        var first = sources[0].Adapter;
        foreach (var (other, _) in sources.Skip(1)) RequireAlike(first, other);
        var adapter = model.Add(first.Options, name, outputs: heads.Outputs);
        try
        {
            foreach (var (tensor, i) in adapter.Tensors.Select((t, i) => (t, i)).Where(pair => !heads.Owns(pair.t)))
                tensor.Value.copy_(sources.Select(source => source.Adapter.Tensors[i].Value.detach().Times(source.Weight / sum))
                    .Aggregate((a, b) => a.Plus(b)));
            foreach (var (tensor, i) in adapter.Frozen.Select((t, i) => (t, i))) RequireSame(tensor, sources, i);
            adapter.EncoderRestored();
            heads.Fill(model, adapter);
            return adapter;
        }
        catch
        {
            model.Remove(name);
            throw;
        }
    }

    private static void RequireAlike(PeftMethod first, PeftMethod other)
    {
        var same = first.Options.PeftType == other.Options.PeftType
            && Kept(first).Select(t => (t.Name, Shape: string.Join("x", t.Value.shape)))
                .SequenceEqual(Kept(other).Select(t => (t.Name, Shape: string.Join("x", t.Value.shape))));
        if (!same || Difference(Settings(first), Settings(other)) is not null)
        {
            var why = same ? $"their settings differ ({Difference(Settings(first), Settings(other))})" : "their methods or tensors differ";
            throw new PeftException(
                $"The mean of \"{first.Name}\" and \"{other.Name}\" makes no sense: {why}; "
                + "combine adapters of one method with equal settings.");
        }
    }

    private static IEnumerable<AdapterTensor> Kept(PeftMethod adapter) => adapter.Tensors.Where(t => !t.SavedModule);

    // A frozen tensor is drawn from a seed: another one would give another meaning to what is trained.
    private static void RequireSame(AdapterTensor tensor, IReadOnlyList<(PeftMethod Adapter, double Weight)> sources, int i)
    {
        foreach (var (source, _) in sources)
            if (!source.Frozen[i].Value.equal(tensor.Value).all().item<bool>())
                throw new PeftException(
                    $"\"{source.Name}\" has another frozen tensor \"{tensor.Name}\" than a new adapter of its settings, so the mean "
                    + "would mean something else; combine them as changes of weights.");
    }

    private static JsonObject Settings(PeftMethod adapter) => adapter.Options.Refusal(AdapterFormat.AdapterHub) is null
        ? adapter.Options.ToAdapterHub()
        : JsonNode.Parse(AdapterJson.Text(adapter.Options))!.AsObject();

    private static string? Difference(JsonObject a, JsonObject b) =>
        a.Select(pair => pair.Key).Union(b.Select(pair => pair.Key)).Except(Free)
        .FirstOrDefault(key => !JsonNode.DeepEquals(a[key], b[key]));
}
