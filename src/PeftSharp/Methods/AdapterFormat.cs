namespace PeftSharp.Methods;

/// <summary>How an adapter is laid out on disk.</summary>
public enum AdapterFormat
{
    /// <summary>Hugging Face peft: adapter_config.json and adapter_model.safetensors.</summary>
    Peft,
    /// <summary>AdapterHub: adapter_config.json and adapter.safetensors.</summary>
    AdapterHub,
}
