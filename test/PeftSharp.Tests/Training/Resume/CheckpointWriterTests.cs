using PeftSharp.Training;
using PeftSharp.Training.Resume;

namespace PeftSharp.Tests.Training.Resume;

public sealed class CheckpointWriterTests
{
    [Theory]
    [InlineData(SaveMoment.Steps, new long[] { 5, 10 })]
    [InlineData(SaveMoment.Epoch, new long[] { 4, 8, 12 })]
    [InlineData(SaveMoment.Never, new long[0])]
    public void Checkpoints_Come_When_The_Settings_Say(SaveMoment moment, long[] expected)
    {
        using var runs = new Runs();
        Train(runs, new() { Moment = moment, Steps = 5, Limit = 10 }, null);
        Assert.Equal(expected.Reverse(), new CheckpointStore(runs.Root).Steps);
    }

    [Theory]
    [InlineData(20, new long[] { 4, 8, 12 })] // 4 steps are 80 s: the ends of the epochs
    [InlineData(200, new long[] { 3, 4, 7, 8, 11, 12 })] // every ten minutes, too
    [InlineData(2, new long[0])] // a short run has none
    public void By_Itself_A_Checkpoint_Comes_Every_Ten_Minutes_And_At_Ends_Of_Epochs(int secondsPerStep, long[] expected)
    {
        using var runs = new Runs();
        var clock = new Clock();
        Train(runs, new() { Limit = 10 }, clock, new Recorder(_ => clock.Now += TimeSpan.FromSeconds(secondsPerStep)));
        Assert.Equal(expected.Reverse(), new CheckpointStore(runs.Root).Steps);
    }

    [Fact]
    public void Saving_Changes_No_Bit_Of_The_Result()
    {
        using var runs = new Runs();
        Assert.Equal(Runs.Whole(), Train(runs, new() { Moment = SaveMoment.Steps, Steps = 1 }, null));
    }

    [Theory]
    [InlineData(SaveMoment.Auto, 1)]
    [InlineData(SaveMoment.Never, 0)]
    public void An_Interrupted_Run_Is_Saved_Unless_Nothing_Is_To_Be(SaveMoment moment, int count)
    {
        using var runs = new Runs();
        using var stop = new CancellationTokenSource();
        Train(runs, new() { Moment = moment }, null, new Recorder(r => { if (r.Step == 3) stop.Cancel(); }), stop.Token);
        Assert.Equal(count, new CheckpointStore(runs.Root).Steps.Count);
    }

    [Fact]
    public void A_Failure_Is_Told_And_Training_Goes_On_To_The_Same_Result()
    {
        using var runs = new Runs();
        File.WriteAllText(runs.Root, "a file where the folder should be");
        List<string> failures = [];
        using var model = new ToyModel();
        var writer = new CheckpointWriter(
            new(runs.Root), Runs.Fingerprint, new() { Moment = SaveMoment.Steps, Steps = 6 }, failed: e => failures.Add(e.Message));
        using var trainer = new Trainer(model, Runs.Data, Runs.Options, null, writer);
        trainer.Run();
        Assert.Equal(2, failures.Count);
        Assert.Contains("The checkpoint of step 6 could not be saved", failures[0]);
        Assert.Equal(0, writer.SavedStep);
        Assert.Equal(Runs.Whole(), model.Values());
    }

    [Theory]
    [InlineData(0, 2, "save_steps")]
    [InlineData(1, 0, "save_total_limit")]
    public void Settings_Out_Of_Range_Are_Refused_By_Name(long steps, int limit, string name) =>
        Assert.Contains(
            name, Assert.Throws<PeftException>(() => new CheckpointOptions { Steps = steps, Limit = limit }.Validate()).Message);

    private static float[] Train(
        Runs runs, CheckpointOptions options, TimeProvider? time, ITrainingObserver? observer = null, CancellationToken stop = default)
    {
        using var model = new ToyModel();
        var writer = new CheckpointWriter(new(runs.Root, options.Limit), Runs.Fingerprint, options, time: time);
        using var trainer = new Trainer(model, Runs.Data, Runs.Options, null, observer ?? new Recorder(), writer);
        trainer.Run(stop);
        return model.Values();
    }

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}
