using PeftSharp.Runs.Conformance;

namespace PeftSharp.Tests.Runs.Conformance;

/// <summary>Law 8: every reference case that travels with the tests agrees with the implementation that made it.</summary>
public sealed class ParityTests
{
    public static TheoryData<string> Cases => new(Directory.GetDirectories(TestPaths.Fixture("cases"))
        .Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Agrees_With_Its_Reference(string @case)
    {
        var result = ConformanceRunner.Run(TestPaths.Fixture("cases", @case));
        var failed = result.Quantities.Where(q => !q.Passed).Select(q => $"{q.Name}: {q.Error:E1} > {q.Tolerance:E0} {q.Where}");
        Assert.True(result.Passed, $"{@case}: {result.Failure ?? string.Join("; ", failed)}");
    }

    [Fact]
    public void Missing_Case_Is_A_Failure_And_Not_A_Skip() =>
        Assert.Contains("does not exist", ConformanceRunner.Run(TestPaths.Fixture("cases", "no-such-case")).Failure);
}
