
namespace PeftSharp.Sites;

/// <summary>A plug-in at a linear map.</summary>
public interface IProjectionPlugin;
