namespace PeftSharp.Data.Instruct;

/// <summary>What the tokens of a row of <see cref="LabelKind.Tokens"/> are; kept where other rows keep segment ids.</summary>
internal static class TokenMarks
{
    /// <summary>The token is learnt: it counts in the loss.</summary>
    public const int Learnt = 1;

    /// <summary>The token belongs to the decoder of an encoder–decoder; those before it to the encoder.</summary>
    public const int Answer = 2;
}
