using System.Text.Json.Nodes;
using TorchSharp;

namespace PeftSharp.Files.Gguf;

/// <summary>How a GGUF file turns positions, as <c>rope_parameters</c>.</summary>
internal static class GgufRotary
{
    // What all models with this scaling have; the file keeps only what comes of it.
    private const double Low = 1, High = 4, Original = 8192, Nearly = 1e-3;

    /// <summary>Makes the settings.</summary>
    /// <param name="file">The file.</param>
    /// <param name="name">Its architecture.</param>
    /// <param name="width">Numbers of a head.</param>
    /// <param name="share">The share of them that is turned.</param>
    public static JsonObject Of(GgufFile file, string name, int width, double share)
    {
        var metadata = file.Metadata;
        var theta = metadata.Number($"{name}.rope.freq_base") ?? 10_000;
        var rotary = new JsonObject { ["rope_theta"] = theta, ["rope_type"] = "default" };
        if (share != 1) rotary["partial_rotary_factor"] = share;
        if (file.Tensors.ContainsKey("rope_factors_long.weight"))
            throw new PeftException($"{file.Path} stretches positions by a table for long texts (LongRoPE), which can't be read; take the "
                + "model's variant for short texts.");
        if (file.Tensors.TryGetValue("rope_freqs.weight", out var factors)) return Llama3(file, factors, theta, width);
        var kind = metadata.Text($"{name}.rope.scaling.type") ?? "none";
        // Older files have the factor alone.
        var factor = metadata.Number($"{name}.rope.scaling.factor") ?? metadata.Number($"{name}.rope.scale_linear") ?? 1;
        if (kind == "none" && (factor == 1 || metadata.Has($"{name}.rope.scaling.type"))) return rotary;
        rotary["rope_type"] = kind is "none" or "linear" ? "linear" : kind == "yarn" ? "yarn"
            : throw new PeftException($"{file.Path}: the metadata {name}.rope.scaling.type is {Quoted.Name(kind)}; supported are none, "
                + "linear and yarn: take another model.");
        rotary["factor"] = factor;
        if (metadata.Int($"{name}.rope.scaling.original_context_length") is { } original)
            rotary["original_max_position_embeddings"] = original;
        return rotary;
    }

    private static JsonObject Llama3(GgufFile file, GgufTensor tensor, double theta, int width)
    {
        using var value = file.Read(tensor);
        using var dense = value.to(torch.ScalarType.Float32);
        var found = dense.data<float>().ToArray();
        var factor = found.Length > 0 ? Math.Round(found.Max(), 3) : 0;
        var expected = Enumerable.Range(0, width / 2).Select(i => Factor(2 * Math.PI * Math.Pow(theta, 2.0 * i / width), factor)).ToArray();
        if (found.Length != expected.Length || found.Zip(expected)
            .Any(pair => !(Math.Abs(pair.First - pair.Second) <= Nearly * pair.Second)))
            throw new PeftException($"{file.Path} stretches positions by the table \"rope_freqs.weight\", which is not that of Llama 3.1 "
                + "and its successors; take the Hugging Face folder of the model.");
        return new()
        {
            ["rope_theta"] = theta,
            ["rope_type"] = "llama3",
            ["factor"] = factor,
            ["low_freq_factor"] = Low,
            ["high_freq_factor"] = High,
            ["original_max_position_embeddings"] = (int)Original,
        };
    }

    // By how much a wave's frequency is divided.
    private static double Factor(double wave, double factor)
    {
        if (wave < Original / High) return 1;
        if (wave > Original / Low) return factor;
        var smooth = (Original / wave - Low) / (High - Low);
        return 1 / ((1 - smooth) / factor + smooth);
    }
}
