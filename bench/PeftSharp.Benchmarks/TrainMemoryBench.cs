using System.Diagnostics;
using PeftSharp.Interop;
using PeftSharp.Models;

namespace PeftSharp.Benchmarks;

/// <summary>Where the memory of some training steps goes, their peak and seconds; each variant wants a process of its own.</summary>
internal static class TrainMemoryBench
{
    /// <param name="folder">A causal model.</param>
    /// <param name="variant">
    /// lora, or qlora (nf4, scales quantised, paged optimizer), or qlora-FORM: layers recomputed; with "-plain" at the end they are not.
    /// </param>
    /// <param name="compute">fp32 or bf16.</param>
    /// <param name="rows">Rows of the batch.</param>
    /// <param name="tokens">Tokens of a row.</param>
    /// <param name="steps">Steps.</param>
    /// <param name="rank">The adapter's rank.</param>
    /// <param name="optimizer">The optimizer by transformers' name; empty for plain AdamW, or paged over quantised weights.</param>
    public static void Run(
        string folder, string variant, string compute, int rows, int tokens, int steps, int rank = 16, string optimizer = "")
    {
        const string plain = "-plain";
        var recomputes = !variant.EndsWith(plain, StringComparison.Ordinal);
        var form = (recomputes ? variant : variant[..^plain.Length]) switch
        {
            "lora" => null,
            "qlora" => "nf4-double",
            var named when named.StartsWith("qlora-", StringComparison.Ordinal) => named["qlora-".Length..],
            _ => throw new ArgumentException(
                $"The variant is \"{variant}\"; expected lora, qlora or qlora-FORM, each with or without {plain}."),
        };
        var quantize = Quantization.Named(form);
        if (form is not null && quantize is null) throw new ArgumentException($"The form is \"{form}\".");
        if (optimizer.Length == 0) optimizer = form is null ? "adamw_torch" : "paged_adamw";
        using var watch = new HeapWatch();
        var clock = Stopwatch.StartNew();
        void Print(string phase) => TrainMemoryBench.Print($"{clock.Elapsed.TotalSeconds,6:0.0} s {phase}", watch.TakeMost());
        Print("program");
        using var step = new CausalStep(
            folder, quantize, ComputeName.Parse(compute), rows, tokens, optimizer, rank, checkpointing: recomputes);
        Print("loaded");
        NativeHeap.Trim();
        Print("trimmed");
        var (weights, bytes) = step.Base;
        Console.WriteLine(
            $"{variant}, {compute}, {rows} × {tokens} tokens, rank {rank}, {optimizer}: "
            + $"{weights:N0} weights in {bytes >> 20:N0} MB, {step.Trained:N0} trained");
        var times = new List<double>();
        for (var i = 0; i < steps; i++)
        {
            var (milliseconds, loss) = step.Run(phase => Print($"step {i + 1}, {phase}"));
            times.Add(milliseconds / 1000);
            Print($"step {i + 1}");
            Console.WriteLine($"step {i + 1}: {milliseconds / 1000:0.00} s, loss {loss:0.0000}");
        }
        var peak = ResidentMemory.Peak;
        Console.WriteLine(
            $"peak {peak >> 20:N0} MB ({peak / 1e6:N0} × 10⁶ bytes), {times.Order().ElementAt(times.Count / 2):0.00} s a step (median)");
    }

    private static void Print(string phase, long most)
    {
        var (used, free) = NativeHeapUse.Now;
        Console.WriteLine(
            $"{phase,-26} peak {ResidentMemory.Peak >> 20,6:N0} MB, now {ResidentMemory.Now >> 20,6:N0} = anonymous "
            + $"{ResidentMemory.Anonymous >> 20,6:N0} + files {ResidentMemory.Now - ResidentMemory.Anonymous >> 20,4:N0}; heap in use "
            + $"{used >> 20,6:N0} (at most {most >> 20,6:N0}), free {free >> 20,6:N0}; managed {GC.GetTotalMemory(false) >> 20,4:N0}");
    }
}
