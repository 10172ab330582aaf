namespace PeftSharp.Weights.BlockProducts;

/// <summary>Blocks of sixteen bytes of four-bit codes behind their half-precision numbers.</summary>
internal interface IFourBits : IBlock
{
    /// <summary>Bytes before the codes.</summary>
    static abstract int Codes { get; }

    /// <summary>True if a minimum follows the scale: d · q + m; else d · (q − 8).</summary>
    static abstract bool HasMinimum { get; }
}
