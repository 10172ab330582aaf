using System.Text.Json;
using PeftSharp.Training;

namespace PeftSharp.Tests.Training.Schedules;

public sealed class ScheduleTests
{
    public static TheoryData<string> Cases()
    {
        using var cases = Fixture();
        return [.. cases.RootElement.EnumerateObject().Select(property => property.Name)];
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Learning_Rates_Equal_The_Reference(string name)
    {
        using var cases = Fixture();
        var expected = cases.RootElement.GetProperty(name);
        var rate = expected.GetProperty("learning_rate").GetDouble();
        double? Option(string key) => expected.GetProperty("options").TryGetProperty(key, out var value) ? value.GetDouble() : null;
        var schedule = Schedule.Create(
            name.Split('/')[0], expected.GetProperty("training_steps").GetInt64(), expected.GetProperty("warmup_steps").GetInt64(),
            new ScheduleOptions
            {
                Cycles = Option("num_cycles"),
                Power = Option("power") ?? 1,
                EndFactor = (Option("lr_end") ?? 0) / rate,
            });

        var step = 0;
        foreach (var value in expected.GetProperty("values").EnumerateArray())
            Assert.Equal(value.GetDouble(), rate * schedule.Factor(step++), 1e-15);
        Assert.Equal(40, step);
    }

    [Fact]
    public void Fixture_Covers_Every_Name() =>
        Assert.Equal(Schedule.Names.Order(), Cases().Select(row => row.Data.Split('/')[0]).Distinct().Order());

    [Theory]
    [InlineData("linear", 0)]
    [InlineData("cosine_with_restarts", 0)]
    [InlineData("polynomial", 0.25)]
    public void Steps_Beyond_The_End_Keep_The_End(string name, double end)
    {
        var schedule = Schedule.Create(name, 10, 2, new ScheduleOptions { EndFactor = 0.25 });
        Assert.Equal(end, schedule.Factor(10), 1e-15);
        Assert.Equal(end, schedule.Factor(25), 1e-15);
    }

    [Fact]
    public void Warmup_As_Long_As_The_Run_Divides_By_Nothing()
    {
        foreach (var name in Schedule.Names)
        {
            var schedule = Schedule.Create(name, 5, 5);
            Assert.All(Enumerable.Range(0, 8), step => Assert.InRange(schedule.Factor(step), 0, 1));
        }
    }

    [Theory]
    [InlineData(100, 0.06, 6)]
    [InlineData(101, 0.06, 7)]
    [InlineData(100, 0, 0)]
    public void Warmup_Share_Is_Rounded_Up(long total, double ratio, long steps) => Assert.Equal(steps, Schedule.WarmupSteps(total, ratio));

    [Fact]
    public void Bad_Settings_Are_Refused_With_A_Sentence()
    {
        Assert.Contains("'cosin'", Refused(() => Schedule.Create("cosin", 10)));
        Assert.Contains("cosine_with_restarts", Refused(() => Schedule.Create("cosin", 10)));
        Assert.Contains("0 steps", Refused(() => Schedule.Create("linear", 0)));
        Assert.Contains("-1 steps", Refused(() => Schedule.Create("linear", 10, -1)));
        Assert.Contains("num_cycles", Refused(() => Schedule.Create("cosine", 10, 0, new ScheduleOptions { Cycles = double.NaN })));
        Assert.Contains("ratio of 6", Refused(() => Schedule.WarmupSteps(10, 6)));
    }

    private static string Refused(Action action) => Assert.Throws<PeftException>(action).Message;

    private static JsonDocument Fixture() => JsonDocument.Parse(File.ReadAllBytes(TestPaths.Fixture("schedules.json")));
}
