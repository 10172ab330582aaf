using System.Numerics;

namespace PeftSharp.Interop;

/// <summary>The numbers of one AdamW update.</summary>
internal readonly record struct AdamWSettings(double Lr, double Beta1, double Beta2, double Eps, double WeightDecay);
