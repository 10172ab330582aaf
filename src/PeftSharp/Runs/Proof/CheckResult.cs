namespace PeftSharp.Runs.Proof;

/// <summary>How a check came out.</summary>
public enum CheckResult
{
    /// <summary>As the proof says.</summary>
    Pass,
    /// <summary>Not as the proof says, in a way that does not make the adapter wrong: worth a remark.</summary>
    Note,
    /// <summary>Answers would be wrong.</summary>
    Fail,
}
