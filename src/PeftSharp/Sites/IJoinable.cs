
namespace PeftSharp.Sites;

/// <summary>A plug-in that can be computed at once for rows of which each has an adapter of its own.</summary>
internal interface IJoinable
{
    /// <summary>
    /// What plug-ins that are computed at once have in common, compared by value; null if this one has to be computed by itself.
    /// </summary>
    /// <param name="context">The call for the rows of its adapter.</param>
    object? JoinKey(ForwardContext context);
}
