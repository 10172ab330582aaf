using System.Diagnostics;
using PeftSharp.Tokenization;

namespace PeftSharp.Benchmarks;

/// <summary>Words per second over the lines of a file, the first pass (cold cache) and the best of five.</summary>
internal static class TokenizeBench
{
    public static void Run(string folder, string file)
    {
        var tokenizer = Tokenizer.Load(folder);
        var lines = File.ReadAllLines(file);
        var words = lines.Sum(l => (long)l.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length);
        var times = Enumerable.Range(0, 6).Select(_ =>
        {
            var start = Stopwatch.GetTimestamp();
            foreach (var line in lines) tokenizer.Encode(line);
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }).ToArray();
        Console.WriteLine(
            $"{words:N0} words on one core: first pass {words / times[0] / 1e6:0.00} M words/s, best of five "
            + $"{words / times[1..].Min() / 1e6:0.00} M words/s");
    }
}
