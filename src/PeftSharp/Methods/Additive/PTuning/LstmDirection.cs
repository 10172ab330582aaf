namespace PeftSharp.Methods.Additive.PTuning;

/// <summary>One direction of an LSTM layer; its gates stand below each other: input, forget, cell, output.</summary>
internal sealed record LstmDirection(LinearMap OfInput, LinearMap OfState);
