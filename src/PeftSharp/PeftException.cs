namespace PeftSharp;

/// <summary>
/// The failure of an operation for a reason its caller can act on. The message is one sentence that tells what was
/// found, where (file, line, field or tensor), what was expected and what to do; programs print it as it is: whatever it quotes
/// of a file, it is one line of visible characters and of bounded length.
/// </summary>
public class PeftException : Exception
{
    /// <summary>Creates the exception from its one-sentence message.</summary>
    public PeftException(string message) : base(Printable.Sentence(message)) { }

    /// <summary>Creates the exception from its one-sentence message and the failure beneath it.</summary>
    public PeftException(string message, Exception inner) : base(Printable.Sentence(message), inner) { }
}
