using System.Diagnostics;

namespace PeftSharp.Interop;

/// <summary>The compute type of a run, and why.</summary>
/// <param name="Type">The type chosen.</param>
/// <param name="Fp32Gflops">Measured speed of fp32 matrix products on one core in GFLOP/s; 0 if not measured.</param>
/// <param name="Bf16Gflops">Measured speed of bfloat16 matrix products on one core in GFLOP/s; 0 if not measured.</param>
/// <param name="Processor">Name of the processor, with the extensions that matter here.</param>
/// <param name="Reason">One sentence for the log.</param>
internal sealed record ComputeChoice(ComputeType Type, double Fp32Gflops, double Bf16Gflops, string Processor, string Reason);
