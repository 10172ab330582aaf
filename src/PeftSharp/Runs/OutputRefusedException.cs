namespace PeftSharp.Runs;

/// <summary>A place that results must not be written to; nothing has been changed.</summary>
public sealed class OutputRefusedException : PeftException
{
    /// <summary>Creates the exception from its one-sentence message.</summary>
    internal OutputRefusedException(string message) : base(message) { }
}
