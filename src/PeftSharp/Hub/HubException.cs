namespace PeftSharp.Hub;

/// <summary>A hub did not give what was asked for; the message is one sentence.</summary>
public sealed class HubException : PeftException
{
    /// <summary>Creates the exception.</summary>
    public HubException(HubProblem problem, string message) : base(message) => Problem = problem;

    /// <summary>Creates the exception over the failure beneath it.</summary>
    public HubException(HubProblem problem, string message, Exception inner) : base(message, inner) => Problem = problem;

    /// <summary>What went wrong, for programs.</summary>
    public HubProblem Problem { get; }
}
