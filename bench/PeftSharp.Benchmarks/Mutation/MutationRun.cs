using System.Diagnostics;

namespace PeftSharp.Benchmarks.Mutation;

/// <summary>Damaged files by the thousand: each is read or refused with one sentence, in bounded time and memory.</summary>
/// <param name="folder">An empty folder; the input at hand lies in it, and stays there if the process ends.</param>
internal sealed class MutationRun(string folder)
{
    /// <summary>What one input may take.</summary>
    public static readonly TimeSpan LongestTime = TimeSpan.FromSeconds(20);

    private const long MostBytes = 1L << 30;

    /// <summary>Inputs that were read all the same.</summary>
    public int Read { get; private set; }

    /// <summary>Inputs that were refused with a sentence.</summary>
    public int Refused { get; private set; }

    /// <summary>The longest time that one took, and which.</summary>
    public (TimeSpan Time, string Input) Slowest { get; private set; }

    /// <summary>What did not hold, each with the seed that makes it again.</summary>
    public List<string> Failures { get; } = [];

    /// <summary>Makes and reads the inputs of a parser with the seeds from <paramref name="first"/> on.</summary>
    public void Run(MutatedParser parser, int first, int count)
    {
        var place = Directory.CreateDirectory(Path.Combine(folder, parser.Name.Replace(' ', '-'))).FullName;
        foreach (var (name, bytes) in parser.Beside) File.WriteAllBytes(Path.Combine(place, name), bytes);
        var path = Path.Combine(place, parser.File);
        for (var seed = first; seed < first + count; seed++)
        {
            File.WriteAllBytes(path, new Mutator(seed).Mutate(parser.Seeds[seed % parser.Seeds.Count]));
            One(parser, path, $"{parser.Name}, seed {seed}");
        }
    }

    private void One(MutatedParser parser, string path, string input)
    {
        var (watch, before) = (Stopwatch.StartNew(), GC.GetAllocatedBytesForCurrentThread());
        // What hangs cannot be stopped from outside: the process ends, and says where.
        using var alarm = new Timer(
            _ => Environment.FailFast($"{input} takes more than {6 * LongestTime}; the file is {path}."), null, 6 * LongestTime,
            Timeout.InfiniteTimeSpan);
        try
        {
            parser.Parse(path);
            Read++;
        }
        catch (PeftException e)
        {
            Refused++;
            if (e.Message.Any(char.IsControl) || e.Message.Length > 1500)
                Failures.Add($"{input}: the sentence is no printable line: {e.Message}");
        }
        catch (Exception e)
        {
            Failures.Add(
                $"{input}: {e.GetType().Name}: {e.Message.Split('\n')[0]} "
                + $"{e.StackTrace?.Split('\n').FirstOrDefault(line => line.Contains("PeftSharp", StringComparison.Ordinal))?.Trim()}");
        }
        if (watch.Elapsed > Slowest.Time) Slowest = (watch.Elapsed, input);
        if (watch.Elapsed > LongestTime) Failures.Add($"{input}: took {watch.Elapsed.TotalSeconds:0} seconds");
        if (GC.GetAllocatedBytesForCurrentThread() - before > MostBytes) Failures.Add($"{input}: allocated more than {MostBytes >> 20} MB");
    }
}
