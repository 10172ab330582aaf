
namespace PeftSharp.Hub;

/// <summary>What is wanted of a repository.</summary>
public enum HubContent
{
    /// <summary>A model or an adapter, whichever it holds.</summary>
    Any,

    /// <summary>A model: configuration, tokenizer, safetensors.</summary>
    Model,

    /// <summary>An adapter of peft or AdapterHub.</summary>
    Adapter,
}
