using System.Diagnostics;
using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using PeftSharp.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>A decoder's LoRA step on 4 rows of 256 tokens against the matrix-product peak.</summary>
internal static class DecoderBench
{
    private const int Rows = 4, Tokens = 256;

    /// <summary>LoRA of rank 8 on every linear map: forward, backward and AdamW, every token learnt.</summary>
    public static void Step(string folder, int rounds, string? only)
    {
        var (fp32, bf16) =
            (ProductPeak.Of(Rows * Tokens, 576, 1536, ScalarType.Float32), ProductPeak.Of(Rows * Tokens, 576, 1536, ScalarType.BFloat16));
        Console.WriteLine(
            $"{ComputeProbe.ProcessorName()}, {Environment.ProcessorCount} processors; "
            + $"matrix-product peak: fp32 {fp32:0}, bf16 {bf16:0} GFLOP/s");
        List<(string Name, ModelOptions Options, double Peak, bool Checkpointing, bool? OneDnn)> variants =
        [
            ("fp32", new() { Unpack = true }, fp32, false, null),
            ("fp32, checkpointing", new() { Unpack = true }, fp32, true, null),
            ("blocks, fp32", new(), fp32, false, null),
        ];
        if (bf16 > fp32)
        {
            variants.Add(("bf16", new() { Unpack = true, Compute = ComputeType.BFloat16 }, bf16, false, null));
            variants.Add(("blocks, bf16", new() { Compute = ComputeType.BFloat16 }, bf16, false, null));
        }
        if (OneDnn.Available) variants.Insert(1, ("fp32, MKL", new() { Unpack = true }, fp32, false, false));
        foreach (var (name, options, peak, checkpointing, oneDnn) in variants.Where(v => only is null || v.Name == only))
        {
            using var training = new CausalStep(
                folder, null, options.Compute, Rows, Tokens, rank: 8, checkpointing: checkpointing, unpack: options.Unpack,
                baseDropout: false);
            DenseProduct.Forced = oneDnn;
            training.Run();
            var times = Enumerable.Range(0, rounds).Select(_ => training.Run().Milliseconds / 1e3).Order().ToArray();
            var (seconds, useful) = (times[rounds / 2], training.Work / times[rounds / 2] / 1e9);
            Console.WriteLine(
                $"{name,-20} {seconds,6:0.00} s  {Rows * Tokens / seconds,5:0} tokens/s  "
                + $"{useful,4:0} GFLOP/s useful = {useful / peak:P0} of its peak; "
                + $"process peak {Process.GetCurrentProcess().PeakWorkingSet64 / 1e6:0} MB");
        }
    }
}
