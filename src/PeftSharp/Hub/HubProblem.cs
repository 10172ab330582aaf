namespace PeftSharp.Hub;

/// <summary>Why a hub did not give what was asked for.</summary>
public enum HubProblem
{
    /// <summary>There is no such repository, or it is private and the token does not open it.</summary>
    NoRepository,

    /// <summary>The repository has no such branch, tag or commit.</summary>
    NoRevision,

    /// <summary>The repository has no such file.</summary>
    NoFile,

    /// <summary>The repository's terms have to be accepted first.</summary>
    Gated,

    /// <summary>The token is missing, refused, or lacks the right.</summary>
    Denied,

    /// <summary>The server cannot be reached, or fails, or asks to come back later, after all attempts.</summary>
    Unreachable,

    /// <summary>The network may not be used, and the cache lacks what is needed.</summary>
    Offline,

    /// <summary>The server's answer is not what its protocol promises: a wrong checksum, a wrong size, a hostile name.</summary>
    BadAnswer,

    /// <summary>The repository holds nothing that this library reads.</summary>
    NothingUsable,

    /// <summary>The disk has no room.</summary>
    NoSpace,
}
