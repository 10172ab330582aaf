
namespace PeftSharp.Sites;

/// <summary>A plug-in at an attention.</summary>
public interface IAttentionPlugin;
