using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>Writes a model as a Hugging Face folder: config.json and model.safetensors.</summary>
public static class ModelWriter
{
    private static readonly JsonSerializerOptions Pretty = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>
    /// Writes what the model reads at present, merged adapters included; each file is written aside, flushed and renamed.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="folder">The folder; created if need be.</param>
    /// <param name="type">Element type on disk; default float32.</param>
    /// <param name="withPrefix">False leaves the base's prefix (<c>bert.</c>) out of the names, as checkpoints of bare models do.</param>
    /// <param name="card">What answers depend on besides tensors; default: the model's own card. A merged adapter's belongs here.</param>
    public static void Write(
        TransformerModel model, string folder, ScalarType type = ScalarType.Float32, bool withPrefix = true, AnswerCard? card = null)
    {
        RefuseFlexible(model);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var plain = new ForwardContext();
        Write(
            model, folder, type, withPrefix, card ?? model.Card, slot => [KeyValuePair.Create(slot.Name, Value(slot, plain, type))], null);
    }

    /// <summary>
    /// Writes what the model reads at present with the layers' weights in 4 or 8 bits, named and laid out as bitsandbytes and transformers
    /// do; biases, norms, pooler, head and output embeddings stay dense. Each file is written aside, flushed and renamed.
    /// </summary>
    /// <param name="model">The model. A weight that it keeps in just that form already is written as it is.</param>
    /// <param name="folder">The folder; created if need be.</param>
    /// <param name="form">NF4, FP4 or INT8, with its settings.</param>
    /// <param name="embeddings">True quantises embedding tables of <see cref="SmallestTable"/> weights or more as well. transformers has
    /// no such layer: a folder written so is read by this library alone.</param>
    /// <param name="type">Element type of what stays dense; default float16.</param>
    /// <param name="card">What answers depend on besides tensors; default: the model's own card. A merged adapter's belongs here.</param>
    public static void WriteQuantized(
        TransformerModel model, string folder, Quantization form, bool embeddings = false, ScalarType type = ScalarType.Float16,
        AnswerCard? card = null)
    {
        RefuseFlexible(model);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var layers = DenseMaps.Others(model);
        var dense = model.Sites.Projections.Where(p => !layers.Contains(p.Weight)).Select(p => p.Path);
        var quantization = BitsAndBytesConfig.Write(form, dense);
        Write(model, folder, type, withPrefix: true, card ?? model.Card, Tensors, quantization);

        IEnumerable<KeyValuePair<string, Tensor>> Tensors(Slot slot)
        {
            var plain = new ForwardContext();
            if (layers.Contains(slot) && slot is WeightSlot weight && weight.Get(plain) is { } kept && Quantization.Of(kept) == form)
                return Stored(kept, slot.Name);
            // In few bits every weight is [out, in], as transformers keeps them, Conv1D too.
            var packed = layers.Contains(slot) && slot is WeightSlot;
            var value = packed ? Finite(((WeightSlot)slot).Get(plain).Dense(), type, slot.Name) : Value(slot, plain, type);
            if (!layers.Contains(slot) && !(embeddings && slot.Kind == SlotKind.Embedding && slot.Count >= SmallestTable))
                return [new(slot.Name, value)];
            using var store = form.Quantize(value);
            return [.. Stored(store, slot.Name).Select(t => KeyValuePair.Create(t.Key, t.Value.clone()))];
        }

        static IReadOnlyList<KeyValuePair<string, Tensor>> Stored(WeightStore store, string name) =>
            store is Int8Store eight ? eight.ToBitsAndBytes(name) : ((FourBitStore)store).ToBitsAndBytes(name);
    }

    private static void Write(
        TransformerModel model, string folder, ScalarType type, bool withPrefix, AnswerCard card,
        Func<Slot, IEnumerable<KeyValuePair<string, Tensor>>> tensors, JsonObject? quantization)
    {
        Directory.CreateDirectory(folder);
        var apart = model.HasOwnPooling;
        var head = apart ? model.Head.Stages.SelectMany(s => new[] { $"{s.Map.Path}.weight", $"{s.Map.Path}.bias" }).ToHashSet() : [];
        string Name(string name) =>
            (!withPrefix || apart) && name.StartsWith(model.BasePrefix, StringComparison.Ordinal) ? name[model.BasePrefix.Length..] : name;
        SafetensorsWriter.Write(
            Path.Combine(folder, "model.safetensors"),
            model.Sites.Slots.Where(s => !head.Contains(s.Name)).SelectMany(tensors).Select(t => KeyValuePair.Create(Name(t.Key), t.Value)),
            new Dictionary<string, string> { ["format"] = "pt" });
        var config = Config(model, type, card, apart);
        if (quantization is not null)
        {
            quantization[BitsAndBytesConfig.Skipped] = new JsonArray(
                [.. quantization[BitsAndBytesConfig.Skipped]!.AsArray().Select(m => (JsonNode?)Name(m!.ToString()))]);
            config[BitsAndBytesConfig.Key] = quantization;
        }
        if (apart)
        {
            var plain = new ForwardContext();
            SentenceLayout.Write(
                model, folder, card.MaxLength ?? Math.Min(512, model.MaxTokens),
                name => Value(model.Sites.Slots.Single(s => s.Name == name), plain, type));
        }
        AtomicFile.WriteText(Path.Combine(folder, "config.json"), Text(config));
    }

    /// <summary>An embedding table with fewer weights (positions, segments) is not worth quantising.</summary>
    internal const long SmallestTable = 1 << 20;

    private static void RefuseFlexible(TransformerModel model)
    {
        if (model.FlexibleHead is { } head)
            throw new PeftException(
                $"The head \"{head.Name}\" has AdapterHub's flexible layout, for which no class of a Hugging Face config.json has a place; "
                + "keep it as an adapter.");
    }

    private static Tensor Value(Slot slot, ForwardContext context, ScalarType type)
    {
        var value = slot switch
        {
            WeightSlot { IsTransposedOnDisk: true } weight => weight.Get(context).Dense().t().contiguous(),
            WeightSlot weight => weight.Get(context).Dense(),
            TensorSlot tensor => tensor.Get(context),
            _ => slot.Value,
        };
        return Finite(value, type, slot.Name);
    }

    // A scope of its own: what is made for the question would else stay until the whole model is written.
    private static bool IsFinite(Tensor value)
    {
        using var scope = NewDisposeScope();
        return value.isfinite().all().item<bool>();
    }

    // A weight that is none, or that the type has no number for, would only be found out by answers.
    private static Tensor Finite(Tensor value, ScalarType type, string name)
    {
        var converted = value.to(type);
        if (IsFinite(converted)) return converted;
        throw new PeftException(IsFinite(value)
            ? $"{name} has a weight beyond what {Name(type)} holds; write it as bfloat16 or float32."
            : $"{name} has a weight that is NaN or infinite; check the checkpoint that it comes from.");
    }

    private static JsonObject Config(TransformerModel model, ScalarType type, AnswerCard card, bool apart)
    {
        var config = model.Config.Clone();
        // Hugging Face's own class for sequences would answer from a pooler: the configuration is that of the bare model then.
        if (apart) HeadFields.WriteBare(config);
        // The weights are written as they are: nothing is quantised once more when they are read.
        card = card with { Quantize = null };
        if (card != new AnswerCard { Task = TaskKind.Embedding }) config.Json[AnswerCard.Key] = AnswerCardJson.Write(card);
        config.Json.Remove(BitsAndBytesConfig.Key);
        config.Json[config.Has("torch_dtype") ? "torch_dtype" : "dtype"] = Name(type);
        return config.Json;
    }

    private static string Name(ScalarType type) =>
        type switch { ScalarType.Float16 => "float16", ScalarType.BFloat16 => "bfloat16", ScalarType.Float64 => "float64", _ => "float32" };

    internal static string Text(JsonNode json) => json.ToJsonString(Pretty) + "\n";
}
