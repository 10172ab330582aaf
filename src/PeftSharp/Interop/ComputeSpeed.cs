
namespace PeftSharp.Interop;

/// <summary>Measured speeds of matrix products on one core in GFLOP/s.</summary>
/// <param name="Fp32Gflops">In float32 by the library that libtorch takes itself, forward and back to the input.</param>
/// <param name="Bf16Gflops">In bfloat16.</param>
/// <param name="OneDnnGflops">In float32 by oneDNN, both ways; 0 where it cannot be called.</param>
internal readonly record struct ComputeSpeed(double Fp32Gflops, double Bf16Gflops, double OneDnnGflops = 0);
