
namespace PeftSharp.Sites;

/// <summary>Which attention a site is.</summary>
public enum AttentionKind
{
    /// <summary>Tokens attend to their own sequence.</summary>
    Self,
    /// <summary>A decoder attends to the encoder's output.</summary>
    Cross,
}
