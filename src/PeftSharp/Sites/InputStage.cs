
namespace PeftSharp.Sites;

/// <summary>When an input plug-in acts.</summary>
public enum InputStage
{
    /// <summary>On word embeddings, before positions and segments are added (peft).</summary>
    Words,
    /// <summary>On the finished embedding output (AdapterHub).</summary>
    Embedded,
}
