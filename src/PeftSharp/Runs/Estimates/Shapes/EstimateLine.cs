namespace PeftSharp.Runs.Estimates.Shapes;

/// <summary>One part of an estimate.</summary>
/// <param name="Name">What takes the bytes.</param>
/// <param name="Bytes">The bytes.</param>
/// <param name="Formula">How they were worked out, with the numbers of this model.</param>
public sealed record EstimateLine(string Name, long Bytes, string Formula);
