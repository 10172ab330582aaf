namespace PeftSharp.Tests.House;

/// <summary>Text that the code makes and the repository keeps: compared, or written anew where PEFTSHARP_RENEW=1 asks for it.</summary>
internal static class Recorded
{
    private const int MostLines = 40;

    private const string Variable = "PEFTSHARP_RENEW";

    /// <summary>How to write a record anew.</summary>
    public static string Command(Type test) =>
        $"{Variable}=1 dotnet run --project test/PeftSharp.Tests -c Release -- -class {test.FullName}";

    /// <summary>Compares a file with what the code makes now.</summary>
    /// <param name="file">The file.</param>
    /// <param name="made">What it is to hold.</param>
    /// <param name="what">What that is, as the subject of a sentence.</param>
    /// <param name="test">The test that asks.</param>
    public static void Check(string file, string made, string what, Type test)
    {
        var kept = File.Exists(file) ? File.ReadAllText(file).ReplaceLineEndings("\n") : "";
        if (kept == made) return;
        if (Environment.GetEnvironmentVariable(Variable) == "1")
        {
            File.WriteAllText(file, made);
            return;
        }
        string[] before = kept.Split('\n'), after = made.Split('\n');
        var gone = before.Except(after).Select(line => $"- {line}");
        var differences = gone.Concat(after.Except(before).Select(line => $"+ {line}")).ToList();
        if (differences.Count == 0) differences.Add("the order of the lines, or a line that stands there twice");
        var more = differences.Count > MostLines ? $"\n… and {differences.Count - MostLines} more" : "";
        Assert.Fail(
            $"{what} is not what {Path.GetFileName(file)} records (- recorded, + now):\n"
            + $"{string.Join('\n', differences.Take(MostLines))}{more}\nIf that is meant, write it anew: {Command(test)}");
    }
}
