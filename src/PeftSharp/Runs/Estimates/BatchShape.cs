using PeftSharp.Data;

namespace PeftSharp.Runs.Estimates;

/// <summary>The size of a padded batch, and what that means for time and memory.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="Tokens">What goes through the model a row: padded tokens, and the vectors that an adapter puts before them.</param>
internal readonly record struct BatchShape(int Rows, int Tokens)
{
    /// <summary>The largest part in which the batch goes through the model.</summary>
    public BatchShape Pass(int tokensPerPass) => this with { Rows = TokenBatch.PartRows(Rows, Tokens, tokensPerPass) };

    /// <summary>Parts in which the batch goes through the model.</summary>
    public int Passes(int tokensPerPass) => (Rows + Pass(tokensPerPass).Rows - 1) / Pass(tokensPerPass).Rows;

    /// <summary>Work in tokens, attention included.</summary>
    /// <remarks>A layer of width d takes about 24·d² operations a token in its products and 4·d·T in its attention: T/6d as many.</remarks>
    public double Work(int width) => (double)Rows * Tokens * (1 + Tokens / (6.0 * width));
}
