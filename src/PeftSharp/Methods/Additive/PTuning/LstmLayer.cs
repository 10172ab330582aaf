namespace PeftSharp.Methods.Additive.PTuning;

/// <summary>An LSTM layer of both directions.</summary>
internal sealed record LstmLayer(LstmDirection Forth, LstmDirection Back);
