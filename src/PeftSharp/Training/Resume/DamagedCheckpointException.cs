
namespace PeftSharp.Training.Resume;

/// <summary>A checkpoint whose bytes are not those that were written; the message says which and how that shows.</summary>
public sealed class DamagedCheckpointException : PeftException
{
    /// <summary>Creates the exception from what is wrong.</summary>
    public DamagedCheckpointException(string message) : base(message) { }

    /// <summary>Creates the exception from what is wrong and the failure beneath it.</summary>
    public DamagedCheckpointException(string message, Exception inner) : base(message, inner) { }
}
