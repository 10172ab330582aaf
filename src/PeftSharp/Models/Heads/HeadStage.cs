using PeftSharp.Sites;

namespace PeftSharp.Models.Heads;

/// <summary>A linear map of a head and the name of the activation behind it, <c>linear</c> for none.</summary>
internal sealed record HeadStage(ProjectionSite Map, string Activation);
