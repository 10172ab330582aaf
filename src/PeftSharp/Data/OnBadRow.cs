namespace PeftSharp.Data;

/// <summary>What to do about a row that cannot be used.</summary>
public enum OnBadRow
{
    /// <summary>Fail with a sentence that names the file and the line.</summary>
    Stop,

    /// <summary>Leave the row out and count it.</summary>
    Skip,
}
