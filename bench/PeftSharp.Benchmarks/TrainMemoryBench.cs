using PeftSharp.Interop;
using PeftSharp.Models;

namespace PeftSharp.Benchmarks;

/// <summary>Peak memory and seconds of some steps, layers recomputed; each variant wants a process of its own.</summary>
internal static class TrainMemoryBench
{
    /// <param name="folder">A causal model.</param>
    /// <param name="variant">lora, or qlora (nf4, scales quantised, paged optimizer), or qlora-FORM.</param>
    /// <param name="compute">fp32 or bf16.</param>
    /// <param name="rows">Rows of the batch.</param>
    /// <param name="tokens">Tokens of a row.</param>
    /// <param name="steps">Steps.</param>
    public static void Run(string folder, string variant, string compute, int rows, int tokens, int steps)
    {
        var form = variant switch
        {
            "lora" => null,
            "qlora" => "nf4-double",
            _ when variant.StartsWith("qlora-", StringComparison.Ordinal) => variant["qlora-".Length..],
            _ => throw new ArgumentException($"The variant is \"{variant}\"; expected lora, qlora or qlora-FORM."),
        };
        var quantize = Quantization.Named(form);
        if (form is not null && quantize is null) throw new ArgumentException($"The form is \"{form}\".");
        var before = ResidentMemory.Now;
        using var step = new CausalStep(
            folder, quantize, ComputeName.Parse(compute), rows, tokens, form is null ? "adamw_torch" : "paged_adamw");
        NativeHeap.Trim();
        var (loaded, whileLoading) = (ResidentMemory.Now, ResidentMemory.Peak);
        var (weights, bytes) = step.Base;
        Console.WriteLine(
            $"{variant}, {compute}, {rows} × {tokens} tokens: {weights:N0} weights in {bytes >> 20:N0} MB, {step.Trained:N0} trained; "
            + $"program {before >> 20:N0} MB, loaded {loaded >> 20:N0} MB, {whileLoading >> 20:N0} MB while loading");
        var times = new List<double>();
        for (var i = 0; i < steps; i++)
        {
            var (milliseconds, loss) = step.Run();
            times.Add(milliseconds / 1000);
            Console.WriteLine($"step {i + 1}: {milliseconds / 1000:0.00} s, loss {loss:0.0000}, peak {ResidentMemory.Peak >> 20:N0} MB");
        }
        var peak = ResidentMemory.Peak;
        Console.WriteLine($"peak {peak >> 20:N0} MB, {times.Order().ElementAt(times.Count / 2):0.00} s a step (median)");
    }
}
