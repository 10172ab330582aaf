
namespace PeftSharp.Models.Heads;

/// <summary>How a sequence becomes one vector.</summary>
public enum Pooling
{
    /// <summary>The model's own pooler over the first token, as Hugging Face does.</summary>
    Pooler,
    /// <summary>The first token's vector as it is.</summary>
    Cls,
    /// <summary>The mean over real tokens, what sentence models want.</summary>
    Mean,
    /// <summary>The last real token's vector, what decoders want.</summary>
    Last,
}
