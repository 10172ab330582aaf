using PeftSharp.Models;

namespace PeftSharp.Benchmarks;

/// <summary>A step of QLoRA against one of LoRA over the dense weights: 4 rows of 256 tokens, layers recomputed in both.</summary>
internal static class QloraBench
{
    private const int Rows = 4, Tokens = 256;

    /// <param name="folder">A causal model.</param>
    /// <param name="compute">fp32 or bf16.</param>
    /// <param name="rounds">Steps of each that are timed.</param>
    public static void Run(string folder, string compute, int rounds)
    {
        var type = ComputeName.Parse(compute);
        string?[] forms = [null, "nf4", "nf4-double", "fp4", "int8"];
        var steps = forms.Select(form => new CausalStep(folder, Quantization.Named(form), type, Rows, Tokens)).ToArray();
        var times = steps.Select(_ => new List<double>()).ToArray();
        foreach (var step in steps) step.Run();
        // Every form in every round, so that a disturbance meets all of them.
        for (var round = 0; round < rounds; round++)
            for (var i = 0; i < steps.Length; i++) times[i].Add(steps[i].Run().Milliseconds);
        double Median(List<double> all) => all.Order().ElementAt(all.Count / 2);
        for (var i = 0; i < steps.Length; i++)
            Console.WriteLine(
                $"{compute} {forms[i] ?? "dense",-10} {Median(times[i]),8:0} ms  {Median(times[i]) / Median(times[0]):0.000} × dense  "
                + $"{steps[i].Base.Bytes >> 20,6:N0} MB of weights");
        foreach (var step in steps) step.Dispose();
    }
}
