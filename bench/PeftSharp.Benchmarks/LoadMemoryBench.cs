using PeftSharp.Interop;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>
/// What resident memory grows by while a model is loaded quantised: at most 0.6 bytes for each quantised weight, besides the tensors that
/// stay as they are and the largest one at work.
/// </summary>
internal static class LoadMemoryBench
{
    /// <param name="folder">A model.</param>
    /// <param name="form">One of <see cref="Quantization.Names"/>.</param>
    public static void Run(string folder, string form)
    {
        // What libtorch and the runtime take once, code that is compiled included.
        using (NewDisposeScope()) randn(512, 512).matmul(randn(512, 512));
        var tiny = Directory.CreateTempSubdirectory("tiny-llama").FullName;
        SyntheticLlama.Write(tiny, "10M");
        Load(tiny, form).Dispose();
        Directory.Delete(tiny, recursive: true);
        NativeHeap.Trim();
        GC.Collect();
        ResidentMemory.Reset();
        var before = ResidentMemory.Now;
        using var model = Load(folder, form);
        var (peak, after) = (ResidentMemory.Peak - before, ResidentMemory.Now - before);
        var (quantised, rest, largest) = (0L, 0L, 0L);
        foreach (var slot in model.Sites.Slots)
        {
            largest = Math.Max(largest, slot.Count * sizeof(float));
            if (slot is WeightSlot { Base.IsQuantized: true }) quantised += slot.Count;
            else rest += slot.Bytes;
        }
        var allowed = (long)(0.6 * quantised) + rest + largest;
        Console.WriteLine($"{quantised:N0} weights in {form}, {rest >> 20:N0} MB of other tensors, the largest {largest >> 20:N0} MB");
        Console.WriteLine(
            $"grown by {peak >> 20:N0} MB at most, {after >> 20:N0} MB in the end; "
            + $"{(double)(peak - rest - largest) / quantised:0.000} bytes a quantised weight at most, "
            + $"{(double)(after - rest) / quantised:0.000} in the end");
        Console.WriteLine($"allowed: {allowed >> 20:N0} MB: {(peak <= allowed ? "kept" : "exceeded")}");
    }

    private static TransformerModel Load(string folder, string form) => ModelLoader.Load(
        folder, new ModelOptions { Task = TaskKind.CausalLanguage, Quantize = Quantization.Named(form) ?? throw Unknown(form) });

    private static ArgumentException Unknown(string form) =>
        new($"The form is \"{form}\"; expected {string.Join(", ", Quantization.Names)}.");
}
