
namespace PeftSharp.Interop;

/// <summary>Measured speeds of matrix products in GFLOP/s.</summary>
internal readonly record struct ComputeSpeed(double Fp32Gflops, double Bf16Gflops);
