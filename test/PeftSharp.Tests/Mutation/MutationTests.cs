using PeftSharp.Benchmarks.Mutation;
using PeftSharp.Interop;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Mutation;

/// <summary>
/// Damaged files for every reader: each is read or refused with one sentence. A million of them: <c>mutate</c> of the benchmarks.
/// </summary>
public sealed class MutationTests
{
    private const int Each = 150, FirstSeed = 20_000_000;

    [Fact]
    public void Damaged_Files_Are_Read_Or_Refused_With_A_Sentence()
    {
        LibTorch.EnsureLoaded();
        using var folder = new TempFolder();
        var run = new MutationRun(folder.Root);
        foreach (var parser in new Parsers(TestPaths.Fixture()).All) run.Run(parser, FirstSeed, Each);
        Assert.True(run.Failures.Count == 0, string.Join('\n', run.Failures.Take(20)));
        Assert.True(
            run.Refused > Each && run.Read > Each,
            $"{run.Read} were read and {run.Refused} refused: the damage is too light or too heavy to tell anything.");
    }

    // Damage to what is refused anyway would tell nothing.
    [Fact]
    public void Every_Reader_Reads_One_Of_Its_Examples()
    {
        LibTorch.EnsureLoaded();
        using var folder = new TempFolder();
        var deaf = new Parsers(TestPaths.Fixture()).All.Where(parser => !parser.Seeds.Any(seed => Reads(parser, seed, folder)));
        Assert.Empty(deaf.Select(parser => parser.Name));
    }

    private static bool Reads(MutatedParser parser, byte[] seed, TempFolder folder)
    {
        var place = Directory.CreateDirectory(Path.Combine(folder.Root, parser.Name.Replace(' ', '-'))).FullName;
        foreach (var (name, bytes) in parser.Beside) File.WriteAllBytes(Path.Combine(place, name), bytes);
        var path = Path.Combine(place, parser.File);
        File.WriteAllBytes(path, seed);
        try
        {
            parser.Parse(path);
            return true;
        }
        catch (PeftException)
        {
            return false;
        }
    }

    [Fact]
    public void The_Same_Seed_Makes_The_Same_Damage()
    {
        var good = File.ReadAllBytes(TestPaths.Fixture("models", "bert", "config.json"));
        Assert.Equal(new Mutator(7).Mutate(good), new Mutator(7).Mutate(good));
        Assert.NotEqual(new Mutator(7).Mutate(good), new Mutator(8).Mutate(good));
    }

    [Fact]
    public void What_Is_No_Sentence_Is_Told_With_Its_Seed()
    {
        using var folder = new TempFolder();
        var run = new MutationRun(folder.Root);
        run.Run(new MutatedParser("broken", "x", ["abc"u8.ToArray()], _ => throw new InvalidOperationException("no sentence")), 5, 1);
        Assert.Contains("broken, seed 5: InvalidOperationException: no sentence", Assert.Single(run.Failures));
    }
}
