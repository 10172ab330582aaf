using System.Diagnostics;
using System.Globalization;
using PeftSharp.Benchmarks.Mutation;

namespace PeftSharp.Benchmarks;

/// <summary>Damaged inputs for every parser, a million by default; each is read or refused with one sentence.</summary>
internal static class MutationBench
{
    private const int Slice = 500;

    public static int Run(string fixtures, int count, int seed)
    {
        var folder = Directory.CreateTempSubdirectory("peftsharp-mutation-");
        try
        {
            var run = new MutationRun(folder.FullName);
            var parsers = new Parsers(fixtures).All;
            var each = (count + parsers.Count - 1) / parsers.Count;
            Console.Out.WriteLine($"| parser | inputs | read | refused | failed | seconds |\n|---|---|---|---|---|---|");
            foreach (var parser in parsers)
            {
                var (read, refused, failed, watch) = (run.Read, run.Refused, run.Failures.Count, Stopwatch.StartNew());
                for (var done = 0; done < each; done += Slice)
                {
                    run.Run(parser, seed + done, Math.Min(Slice, each - done));
                    // Tensors of refused models are freed by the collector alone.
                    GC.Collect();
                    Console.Error.Write($"\r{parser.Name}: {Math.Min(done + Slice, each)} of {each}   ");
                }
                Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {parser.Name} | {each} | {run.Read - read} | "
                    + $"{run.Refused - refused} | {run.Failures.Count - failed} | {watch.Elapsed.TotalSeconds:0} |"));
            }
            Console.Out.WriteLine(FormattableString.Invariant($"\nslowest: {run.Slowest.Input}, {run.Slowest.Time.TotalSeconds:0.0} s"));
            foreach (var failure in run.Failures.Take(100)) Console.Out.WriteLine(failure);
            return run.Failures.Count == 0 ? 0 : 1;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
