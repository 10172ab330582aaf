using PeftSharp.Data;
using PeftSharp.Runs.Joint;

namespace PeftSharp.Tests.Runs.Joint;

/// <summary>The order of tasks: shares as the formula has them, kept exactly, by the seed alone, and each task's rows in turn.</summary>
public sealed class TaskScheduleTests
{
    [Theory]
    [InlineData(1.0, new[] { 0.8, 0.16, 0.04 })]
    [InlineData(2.0, new[] { 0.5985083759, 0.2676610827, 0.1338305414 })]
    [InlineData(1e9, new[] { 1 / 3.0, 1 / 3.0, 1 / 3.0 })]
    [InlineData(0.001, new[] { 1.0, 0, 0 })]
    public void Shares_Follow_The_Temperature(double temperature, double[] expected)
    {
        var shares = TaskSchedule.SharesOf([2000, 400, 100], temperature);
        Assert.Equal(1, shares.Sum(), 12);
        for (var task = 0; task < 3; task++) Assert.Equal(expected[task], shares[task], 6);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(3.0)]
    public void Every_Epoch_Keeps_The_Shares_And_Ordinals_Run_On(double temperature)
    {
        int[] rows = [700, 90, 33, 5];
        var schedule = new TaskSchedule(rows, 61, temperature, 9);
        var counts = new long[rows.Length];
        for (var epoch = 0; epoch < 20; epoch++)
        {
            var order = schedule.Epoch(epoch);
            Assert.Equal(61, order.Count);
            foreach (var (task, ordinal) in order) Assert.Equal(counts[task]++, ordinal);
            for (var task = 0; task < rows.Length; task++)
                Assert.InRange(counts[task] - schedule.Shares[task] * 61 * (epoch + 1), -1.0001, 1.0001);
        }
        // A resumed run asks for a later epoch first.
        Assert.Equal(schedule.Epoch(17), new TaskSchedule(rows, 61, temperature, 9).Epoch(17));
        Assert.Equal(schedule.Epoch(17), schedule.Epoch(17));
        Assert.NotEqual(schedule.Epoch(0).Select(b => b.Task), schedule.Epoch(1).Select(b => b.Task));
        Assert.NotEqual(schedule.Epoch(0), new TaskSchedule(rows, 61, temperature, 10).Epoch(0));
    }

    [Fact]
    public void What_Has_No_Shares_Is_Refused()
    {
        Assert.Contains(
            "temperature is 0; expected a number above 0", Assert.Throws<PeftException>(() => TaskSchedule.SharesOf([1], 0)).Message);
        Assert.Contains(
            "temperature is NaN", Assert.Throws<PeftException>(() => TaskSchedule.SharesOf([1], double.NaN)).Message);
        Assert.Contains("has no rows", Assert.Throws<PeftException>(() => TaskSchedule.SharesOf([3, 0], 1)).Message);
    }

    [Theory]
    [InlineData("sst2=data/SST-2, mrpc = data/MRPC")]
    [InlineData("[sst2=data/SST-2, mrpc=data/MRPC]")]
    [InlineData("""[{ "name": "sst2", "data": "data/SST-2" }, { "name": "mrpc", "train_file": "data/MRPC" }]""")]
    public void Tasks_Are_Read_From_Text(string text)
    {
        var tasks = TaskList.Parse(text);
        Assert.Equal(["sst2", "mrpc"], tasks.Select(task => task.Name));
        Assert.Equal(["data/SST-2", "data/MRPC"], tasks.SelectMany(task => task.Paths));
        Assert.Equal(tasks.Select(task => task.Name), TaskList.Parse(TaskList.Text(tasks)!).Select(task => task.Name));
        Assert.Equal(tasks.SelectMany(task => task.Settings), TaskList.Parse(TaskList.Text(tasks)!).SelectMany(task => task.Settings));
    }

    [Theory]
    [InlineData("", "tasks such as")]
    [InlineData("sst2", "tasks such as")]
    [InlineData("a=x,a=y", "two are called \"a\"")]
    [InlineData("../up=x", "names of letters, digits")]
    [InlineData("[{ \"data\": \"x\" }]", "a name and data for each task")]
    [InlineData("[{ \"name\": \"a\", \"learning_rate\": 1 }]", "\"learning_rate\" is none")]
    [InlineData("[{ \"name\": \"a\", \"text_colum\": \"x\" }]", "did you mean \"text_column\"")]
    [InlineData("[{ \"name\": \"a\", \"data\": { \"b\": 1 } }]", "single values")]
    [InlineData("[{ \"name\": \"a\", \"name\": \"b\" }]", "tasks such as")]
    [InlineData("[{ \"name\": \"a\"", "tasks such as")]
    [InlineData("[[[[[[{}]]]]]]", "tasks such as")]
    public void What_Is_No_List_Of_Tasks_Is_Refused(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<PeftSharp.Runs.Recipes.BadValueException>(() => TaskList.Parse(text)).Message);
}
