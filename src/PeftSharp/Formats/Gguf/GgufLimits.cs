using System.Text.Json.Nodes;
using PeftSharp.Files.Gguf;
using PeftSharp.Models;

namespace PeftSharp.Formats.Gguf;

/// <summary>What llama.cpp takes for granted of an architecture: a model that differs is refused, since it would compute something
/// else.</summary>
internal static class GgufLimits
{
    private const string Activation = "gelu_pytorch_tanh", Sliding = "sliding_attention";

    /// <summary>Refuses a model that a GGUF file cannot describe.</summary>
    /// <exception cref="PeftException">It is one.</exception>
    public static void Require(TransformerModel model, GgufArchitecture architecture)
    {
        var config = model.Config;
        if (config.ModelType == "falcon") RequireFalcon(FalconConfig.Read(config), config);
        if (config.ModelType == "gpt2" && config.Has("scale_attn_weights") && !config.Flag("scale_attn_weights"))
            throw Cannot(config, "does not scale its scores (\"scale_attn_weights\")");
        if (config.ModelType == "t5")
        {
            RequireT5(T5Config.Read(config), config);
            return;
        }
        RequireActivation(config);
        RequireWindows(config, model.MaxTokens);
        RequireScale(config, model);
        var stray = model.Sites.Slots.FirstOrDefault(slot => slot.Name.EndsWith(".bias", StringComparison.Ordinal)
            && !MayHaveBias(architecture, slot.Name));
        if (stray is not null) throw Cannot(config, $"has a bias \"{stray.Name}\"");
    }

    /// <summary>Keys that a query of the layers with a window sees; null where the file says nothing of it.</summary>
    public static int? Window(ModelConfig config) => config.ModelType switch
    {
        "gemma2" => config.Has("sliding_window") ? config.Size("sliding_window") : 4096,
        "phi3" => config.Has("sliding_window") ? config.Size("sliding_window") : null,
        _ => null,
    };

    private static void RequireFalcon(FalconConfig shape, ModelConfig config)
    {
        if (shape.Rotary is null) throw Cannot(config, "says positions by ALiBi");
        if (!shape.Parallel) throw Cannot(config, "has its branches one behind the other");
    }

    private static void RequireT5(T5Config shape, ModelConfig config)
    {
        if (shape.Activation != (shape.Gated ? "gelu_new" : "relu"))
            throw Cannot(config, $"has the activation \"{shape.Activation}\" {(shape.Gated ? "behind a gate" : "without a gate")}");
        if (shape.MaxDistance != GgufConfig.FarthestOfT5)
            throw Cannot(config, $"has the \"relative_attention_max_distance\" {shape.MaxDistance}, where {GgufConfig.FarthestOfT5} is "
                + "taken for granted");
    }

    private static void RequireActivation(ModelConfig config)
    {
        if (config.ModelType is "gpt2" or "falcon")
        {
            // llama.cpp takes the approximation for either.
            var named = config.Text(config.ModelType == "gpt2" ? "activation_function" : "activation", "gelu");
            if (named is not ("gelu" or "gelu_new" or Activation)) throw Cannot(config, $"has the activation \"{named}\"");
            return;
        }
        var isGemma = config.ModelType.StartsWith("gemma", StringComparison.Ordinal);
        var found = config.Has("hidden_activation") ? config.Text("hidden_activation")
            : config.Text("hidden_act", isGemma ? Activation : "silu");
        // The first configurations of Gemma say gelu and mean the approximation.
        var fits = isGemma ? found is Activation or "gelu" : found is "silu" or "swish";
        if (!fits) throw Cannot(config, $"has the activation \"{found}\"");
    }

    // In GGUF, Gemma 2 has a window in every other layer, Phi-3 says its own, and nothing else has one.
    private static void RequireWindows(ModelConfig config, int positions)
    {
        var types = (config.Json["layer_types"] as JsonArray)?.Select(type => type?.ToString()).ToList();
        if (config.ModelType == "gemma2")
        {
            if (types?.Where((type, layer) => (type == Sliding) != (layer % 2 == 0)).Any() == true) throw Cannot(config,
                "has its windows in other layers than every second");
            return;
        }
        var isOn = config.ModelType switch
        {
            "mistral" => !config.Json.ContainsKey("sliding_window") || config.Has("sliding_window"),
            "qwen2" or "qwen3" => config.Flag("use_sliding_window"),
            _ => false,
        };
        var window = config.Has("sliding_window") ? config.Size("sliding_window") : 4096;
        if (isOn && window < positions && types?.Contains(Sliding) != false) throw Cannot(config,
            $"has a sliding window of {window} tokens");
    }

    private static void RequireScale(ModelConfig config, TransformerModel model)
    {
        if (config.ModelType != "gemma2") return;
        var (shape, layers) = (model.Sites.Attentions[0].Shape, model.Layers);
        var expected = layers == 46 ? model.Width / shape.Heads : shape.HeadDim;
        var found = config.Number("query_pre_attn_scalar", 256);
        if (found != expected) throw Cannot(config, $"has the \"query_pre_attn_scalar\" {found}, where {expected} is taken for granted");
    }

    private static bool MayHaveBias(GgufArchitecture architecture, string name) => architecture.Name switch
    {
        "llama" or "gpt2" => true,
        "falcon" => name.Contains("ln_", StringComparison.Ordinal) || name.Contains("layernorm", StringComparison.Ordinal),
        "qwen2" => name.Contains("q_proj", StringComparison.Ordinal) || name.Contains("k_proj", StringComparison.Ordinal)
            || name.Contains("v_proj", StringComparison.Ordinal),
        _ => false,
    };

    private static PeftException Cannot(ModelConfig config, string what) =>
        new($"{config.File}: the model {what}, which GGUF files of this architecture cannot say; keep it in Hugging Face's layout.");
}
