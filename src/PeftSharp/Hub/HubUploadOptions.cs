using System.Net;
using System.Net.Http.Headers;

namespace PeftSharp.Hub;

/// <summary>How to upload.</summary>
public sealed record HubUploadOptions
{
    /// <summary>Title of the commit. Default: <c>Upload with PeftSharp</c>.</summary>
    public string Message { get; init; } = "Upload with PeftSharp";

    /// <summary>True makes a new repository private, and refuses one that is public. Default: false.</summary>
    public bool Private { get; init; }
}
