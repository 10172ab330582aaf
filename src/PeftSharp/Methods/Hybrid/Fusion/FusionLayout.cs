using System.Text.Json.Nodes;
using PeftSharp.Methods.Json;
using PeftSharp.Methods.Layouts;

namespace PeftSharp.Methods.Hybrid.Fusion;

/// <summary>A fusion as AdapterHub's <c>save_adapter_fusion</c> writes it, in files of its own beside those of its adapters.</summary>
internal sealed class FusionLayout() : AdapterHubLayout("adapter_fusion_layer")
{
    /// <summary>The file of settings.</summary>
    public const string ConfigFile = "adapter_fusion_config.json";

    /// <summary>The file of tensors.</summary>
    public const string Weights = "model_adapter_fusion.safetensors";

    /// <summary>The file of tensors as a pickle, which is refused.</summary>
    public const string Pickle = "pytorch_model_adapter_fusion.bin";

    /// <summary>The layout.</summary>
    public static FusionLayout Instance { get; } = new();

    /// <inheritdoc/>
    public override string ReferenceName(PeftMethod adapter, AdapterTensor tensor) => Name(adapter, tensor) ?? tensor.Name;

    /// <inheritdoc/>
    public override JsonObject Write(MethodOptions options)
    {
        var o = (FusionOptions)options;
        return new()
        {
            ["key"] = o.Key,
            ["query"] = o.Query,
            ["value"] = o.Value,
            ["query_before_ln"] = o.QueryBeforeNorm,
            ["regularization"] = o.Regularization,
            ["residual_before"] = o.ResidualBefore,
            ["temperature"] = o.Temperature,
            ["value_before_softmax"] = o.ValueBeforeSoftmax,
            ["value_initialized"] = o.ValueInitialized,
            ["dropout_prob"] = o.Dropout is { } dropout ? PythonNumber.Float(dropout) : null,
        };
    }

    /// <inheritdoc/>
    public override MethodOptions? Read(JsonObject config)
    {
        bool Flag(string field, bool fallback) => config[field] switch
        {
            null => fallback,
            JsonValue value when value.TryGetValue<bool>(out var flag) => flag,
            // AdapterHub's own type for it is a text; its presets hold true and false.
            JsonValue value when field == "value_initialized" && value.TryGetValue<string>(out var text) => text.Length > 0,
            var other => throw Wrong(field, other, "true or false"),
        };
        return new FusionOptions
        {
            Key = Flag("key", true),
            Query = Flag("query", true),
            Value = Flag("value", true),
            QueryBeforeNorm = Flag("query_before_ln", false),
            Regularization = Flag("regularization", true),
            ResidualBefore = Flag("residual_before", false),
            Temperature = Flag("temperature", false),
            ValueBeforeSoftmax = Flag("value_before_softmax", true),
            ValueInitialized = Flag("value_initialized", true),
            Dropout = config["dropout_prob"] switch
            {
                null => null,
                JsonValue value when value.TryGetValue<double>(out var dropout) => dropout,
                var other => throw Wrong("dropout_prob", other, "null or a number"),
            },
        };
    }

    private static PeftException Wrong(string field, JsonNode found, string expected) =>
        new($"{ConfigFile}: field \"{field}\" is {Files.Quoted.Name(found.ToJsonString())}; expected {expected}.");
}
