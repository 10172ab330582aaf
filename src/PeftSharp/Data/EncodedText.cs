namespace PeftSharp.Data;

/// <summary>One encoded text.</summary>
/// <param name="Ids">Token ids, unpadded.</param>
/// <param name="TypeIds">Segment ids, one per token; null means all zeros.</param>
public readonly record struct EncodedText(int[] Ids, int[]? TypeIds);
