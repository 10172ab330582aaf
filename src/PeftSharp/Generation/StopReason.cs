namespace PeftSharp.Generation;

/// <summary>Why an answer ended.</summary>
public enum StopReason
{
    /// <summary>The model gave its end token.</summary>
    EndToken,

    /// <summary>One of the stop texts came.</summary>
    StopText,

    /// <summary>As many tokens as were asked for, or as the model takes.</summary>
    Length,
}
