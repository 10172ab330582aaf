using PeftSharp.Checkpoints;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>Writes a model as a Hugging Face folder: config.json and model.safetensors.</summary>
public static class ModelWriter
{
    /// <summary>Writes what the model reads at present, merged adapters included; each file is written aside, flushed and renamed.</summary>
    /// <param name="model">The model.</param>
    /// <param name="folder">The folder; created if need be.</param>
    /// <param name="type">Element type on disk; default float32.</param>
    /// <param name="withPrefix">False leaves the base's prefix (<c>bert.</c>) out of the names, as checkpoints of bare models do.</param>
    public static void Write(TransformerModel model, string folder, ScalarType type = ScalarType.Float32, bool withPrefix = true)
    {
        Directory.CreateDirectory(folder);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var plain = new ForwardContext();
        SafetensorsWriter.Write(
            Path.Combine(folder, "model.safetensors"),
            model.Sites.Slots.Select(s => KeyValuePair.Create(Name(s.Name), Value(s, plain).to(type))),
            new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.WriteText(Path.Combine(folder, "config.json"), Text(model, type));

        string Name(string name) => !withPrefix && name.StartsWith(model.BasePrefix, StringComparison.Ordinal) ? name[model.BasePrefix.Length..] : name;
    }

    private static Tensor Value(Slot slot, ForwardContext context) => slot switch
    {
        WeightSlot weight => weight.Get(context).Dense(),
        TensorSlot tensor => tensor.Get(context),
        _ => slot.Value,
    };

    private static string Text(TransformerModel model, ScalarType type)
    {
        var config = model.Config.Clone();
        var name = type switch { ScalarType.Float16 => "float16", ScalarType.BFloat16 => "bfloat16", ScalarType.Float64 => "float64", _ => "float32" };
        config.Json.Remove("quantization_config");
        if (config.Has("torch_dtype")) config.Json["torch_dtype"] = name;
        else config.Json["dtype"] = name;
        return config.Json.ToJsonString(new System.Text.Json.JsonSerializerOptions { WriteIndented = true }) + "\n";
    }
}
