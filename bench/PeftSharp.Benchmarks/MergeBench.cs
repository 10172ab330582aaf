using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Interop;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>A LoRA of rank 16 on every linear map, merged into the weights and taken out again.</summary>
internal static class MergeBench
{
    /// <param name="folder">A model.</param>
    /// <param name="rounds">How often; the median counts.</param>
    public static void Run(string folder, int rounds)
    {
        foreach (var form in new[] { null, "nf4" })
        {
            using var scope = NewDisposeScope();
            using var model = new PeftModel(
                ModelLoader.Load(
                    folder, new ModelOptions { Task = TaskKind.CausalLanguage, Quantize = Quantization.Named(form), Unpack = true }));
            var adapter = model.Add(new LoraOptions { Rank = 16, TargetModules = new("all-linear") });
            foreach (var tensor in adapter.Tensors)
                using (no_grad()) tensor.Value.normal_(0, 0.02);
            var (merging, taking) = (new List<double>(), new List<double>());
            for (var round = 0; round < rounds; round++)
            {
                var start = Stopwatch.GetTimestamp();
                model.Merge(adapter.Name);
                merging.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                start = Stopwatch.GetTimestamp();
                model.Unmerge();
                taking.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
            static double Median(List<double> all) => all.Order().ElementAt(all.Count / 2);
            Console.WriteLine(
                $"{ComputeProbe.ProcessorName()}; {form ?? "dense"}: merged in {Median(merging):0.00} s (first {merging[0]:0.00}), "
                + $"taken out in {Median(taking):0.000} s");
        }
    }
}
