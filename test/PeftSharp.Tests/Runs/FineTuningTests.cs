using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Methods.Partial.BitFit;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Runs;
using PeftSharp.Tests.Cli;
using PeftSharp.Training;

namespace PeftSharp.Tests.Runs;

/// <summary>
/// Training runs described in C#: rows from files and from memory, with the folders, marks and remarks of the command line.
/// </summary>
public sealed class FineTuningTests : IDisposable
{
    private readonly CliFolder _folder = new();

    private FineTuning Tuning =>
        FineTuning.Of(_folder.Model).With(new LoraOptions { Rank = 4 }).Rate(2e-2).Epochs(10).Set("compute", "fp32");

    [Fact]
    public async Task Rows_In_Memory_Are_Learnt_Saved_And_Answered()
    {
        var rows = Rows().ToList();
        var steps = new List<StepReport>();
        using var run = await Tuning.Epochs(30).On(rows).HoldOut(0.25).RunAsync(new Steps(steps), TestContext.Current.CancellationToken);
        Assert.Equal(run.Result.Steps, steps[^1].Step);
        Assert.InRange(run.Scores!.Values["accuracy"], 0.9, 1);
        Assert.Equal((48, 16), ((int)run.Report["data"]!["train"]!["rows"]!, (int)run.Report["data"]!["eval"]!["rows"]!));
        Assert.Null(run.Folder);
        run.Save(_folder.File_("saved"));
        string[] files =
            ["adapter_config.json", "adapter_model.safetensors", "peft_proof.json", "run.json", "training_log.jsonl", "vocab.txt"];
        Assert.All(files, file => Assert.True(File.Exists(Path.Combine(_folder.File_("saved"), file)), file));
        Assert.Equal(
            run.Result.Steps,
            File.ReadLines(Path.Combine(_folder.File_("saved"), "training_log.jsonl"))
                .Count(l => l.Contains("grad_norm", StringComparison.Ordinal)));
        using var predictor = Predictor.Load(_folder.File_("saved"));
        Assert.Equal(["negative", "positive"], predictor.Labels);
        Assert.Equal("positive", predictor.Predict("the film is great").Label);
        Assert.Equal("negative", predictor.Predict("the film is awful").Label);
        // The rules of folders: nothing is replaced unasked, and nothing of others at all.
        Assert.Contains("is not empty", Assert.Throws<OutputRefusedException>(() => run.Save(_folder.File_("saved"))).Message);
        run.Save(_folder.File_("saved"), overwrite: true);
        File.WriteAllText(Path.Combine(_folder.File_("saved"), "notes.txt"), "mine");
        Assert.Throws<OutputRefusedException>(() => run.Save(_folder.File_("saved"), overwrite: true));
        Assert.Throws<OutputRefusedException>(() => run.Save(_folder.Model, overwrite: true));
    }

    [Fact]
    public void A_Program_And_The_Command_Line_Train_The_Same_Adapter()
    {
        _folder.TrainTo("tool", "--set", "r=4", "--epochs", "3").Succeeds();
        using var run = Tuning.Epochs(3)
            .On(_folder.Train)
            .ScoreOn(_folder.Dev)
            .To(_folder.File_("program"))
            .Run(cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(Bytes("tool"), Bytes("program"));
        Assert.Equal(_folder.File_("program"), run.Folder);
        Assert.False(Directory.Exists(OutputFolder.WorkOf(_folder.File_("program"))));
        // From memory, row for row.
        using var held = TextDataset.Load(_folder.Dev);
        using var memory = Tuning.Epochs(3).On(Rows()).ScoreOn(held).Run(cancellation: TestContext.Current.CancellationToken);
        memory.Save(_folder.File_("memory"));
        Assert.Equal(Tensors("tool"), Tensors("memory"));
    }

    [Fact]
    public void Remarks_Come_Through_The_Observer_And_Call_Settings_By_Their_Keys()
    {
        var observer = new Heard();
        using var run = Tuning.On(_folder.Train).Set("learning_rate", "1e-9").Steps(4).Run(observer, TestContext.Current.CancellationToken);
        Assert.Contains(
            "nobody knows how well it answers: hold rows out with split_shares: 0.8,0.2, or give eval_data", run.LearningRemark);
        Assert.Contains(observer.Remarks, r => r.StartsWith("data: 64 rows of", StringComparison.Ordinal));
        Assert.NotNull(observer.Parameters);
        Assert.Equal(run.Parameters, observer.Parameters);
        Assert.DoesNotContain(observer.Remarks, r => r.Contains("--", StringComparison.Ordinal));
        var asked = Assert.Throws<SettingsException>(
            () => Tuning.On(_folder.Train).Set("eval_steps", "2").Run(cancellation: TestContext.Current.CancellationToken));
        Assert.Contains("eval_steps asks for rows to score on", asked.Message);
    }

    [Fact]
    public void What_Cannot_Be_Run_Is_Refused_With_A_Sentence()
    {
        Assert.Contains(
            "learning_rate is \"-1\"; expected a number above 0", Assert.Throws<SettingsException>(() => Tuning.Rate(-1)).Message);
        Assert.Contains("above 0 and below 1", Assert.Throws<SettingsException>(() => Tuning.HoldOut(1)).Message);
        Assert.Contains(
            "has no \"data\"",
            Assert.Throws<SettingsException>(() => Tuning.Run(cancellation: TestContext.Current.CancellationToken)).Message);
        Assert.Contains(
            "has no setting \"rank\"",
            Assert.Throws<SettingsException>(
                () => Tuning.On(_folder.Train).Set("rank", "3").Run(cancellation: TestContext.Current.CancellationToken)).Message);
        Assert.Contains(
            "blank",
            Assert.Throws<PeftException>(() => Tuning.On([(" ", "pos")]).Run(cancellation: TestContext.Current.CancellationToken)).Message);
        Assert.Contains(
            "single text stands among pairs",
            Assert.Throws<PeftException>(
                () =>
                    Tuning.On([new LabelledText("a", "x", "b"), new LabelledText("a", "y")])
                        .Run(cancellation: TestContext.Current.CancellationToken)).Message);
        var stray = Assert.Throws<PeftException>(
            () => Tuning.On(Rows()).ScoreOn([("the film is great", "new")]).Run(cancellation: TestContext.Current.CancellationToken));
        Assert.Contains("\"new\" is none of those of the training rows", stray.Message);
    }

    [Fact]
    public void A_Description_Is_Not_Changed_By_What_Is_Made_Of_It()
    {
        var shared = Tuning.On(_folder.Train).Steps(2);
        using var other = shared.With(new BitFitOptions()).Steps(1).Run(cancellation: TestContext.Current.CancellationToken);
        using var run = shared.Run(cancellation: TestContext.Current.CancellationToken);
        Assert.Equal((2L, "LORA"), (run.Result.Steps, run.Adapter.Options.PeftType));
        Assert.Equal((1L, "BITFIT"), (other.Result.Steps, other.Adapter.Options.PeftType));
    }

    [Fact]
    public void Another_Method_Drops_Settings_That_Came_With_The_First_And_Keeps_What_Was_Set()
    {
        var start = FineTuning.Of(_folder.Model).With(new LoraOptions { Rank = 3, Alpha = 7, Dropout = 0.5 })
            .Set("r", "5").On(_folder.Train);
        using var prepared = start.With("lora").Set("compute", "fp32").Prepare(cancellation: TestContext.Current.CancellationToken);
        var options = Assert.IsType<LoraOptions>(prepared.Adapter.Options);
        Assert.Equal((5, new LoraOptions().Alpha, new LoraOptions().Dropout), (options.Rank, options.Alpha, options.Dropout));
        using var other = FineTuning.Of(_folder.Model).With(new LoraOptions { Rank = 3 }).With("bitfit").On(_folder.Train)
            .Prepare(cancellation: TestContext.Current.CancellationToken);
        Assert.Equal("BITFIT", other.Adapter.Options.PeftType);
    }

    [Fact]
    public void A_Fusion_That_Was_Cut_Off_Goes_On_To_The_Same_End()
    {
        foreach (var name in (string[])["a", "b"])
            FineTuning.Of(_folder.Model).With("pfeiffer").Seed(name[0]).Steps(2).On(_folder.Train).To(_folder.File_(name))
                .Run(cancellation: TestContext.Current.CancellationToken).Dispose();
        // Layers are drawn by the step's seed, so that a run draws the same when it goes on.
        var described = FineTuning.Of(_folder.Model).Fuse(_folder.File_("a"), _folder.File_("b")).DropLayers(1).On(_folder.Train)
            .ScoreOn(_folder.Dev).Epochs(2).Set("compute", "fp32").Set("save_steps", "2");
        described.To(_folder.File_("whole")).Run(cancellation: TestContext.Current.CancellationToken).Dispose();
        var stopping = new Stopping(3);
        using (var cut = described.To(_folder.File_("cut")).Run(stopping, stopping.Token))
            Assert.True(cut is { Interrupted: true, CanGoOn: true });
        using (var resumed = Run.Resume(_folder.File_("cut"), cancellation: TestContext.Current.CancellationToken))
            Assert.Equal(8, resumed.Curves.Losses.Count);
        byte[] Fusion(string name) => File.ReadAllBytes(Path.Combine(_folder.File_(name), "a,b", "model_adapter_fusion.safetensors"));
        Assert.Equal(Fusion("whole"), Fusion("cut"));
    }

    [Fact]
    public void A_Run_That_Was_Cut_Off_Goes_On_To_The_Same_End()
    {
        var described = Tuning.Epochs(4).On(_folder.Train).ScoreOn(_folder.Dev).Set("save_steps", "3");
        described.To(_folder.File_("whole")).Run(cancellation: TestContext.Current.CancellationToken).Dispose();
        var stopping = new Stopping(5);
        using (var cut = described.To(_folder.File_("cut")).Run(stopping, stopping.Token))
        {
            Assert.True(cut is { Interrupted: true, CanGoOn: true });
            Assert.Equal(5, cut.Result.Steps);
        }
        using (var resumed = Run.Resume(_folder.File_("cut"), cancellation: TestContext.Current.CancellationToken))
        {
            Assert.False(resumed.Interrupted);
            Assert.Equal(16, resumed.Curves.Losses.Count);
        }
        Assert.Equal(Bytes("whole"), Bytes("cut"));
        using var again = Run.Resume(_folder.File_("cut"), cancellation: TestContext.Current.CancellationToken);
        Assert.True(again.WasFinished);
        Assert.Contains("was finished by an earlier process", Assert.Throws<PeftException>(() => again.Model).Message);

        // Rows that a program has are not in the folder: the program brings them again.
        var rows = Tuning.Epochs(4).On(Rows()).To(_folder.File_("memory")).Set("save_steps", "3");
        stopping = new Stopping(5);
        rows.Run(stopping, stopping.Token).Dispose();
        Assert.Contains(
            "was given its rows by a program",
            Assert.Throws<SettingsException>(
                () => Run.Resume(_folder.File_("memory"), cancellation: TestContext.Current.CancellationToken)).Message);
        rows.Resuming().Run(cancellation: TestContext.Current.CancellationToken).Dispose();
        using var unbroken = Tuning.Epochs(4).On(Rows()).Run(cancellation: TestContext.Current.CancellationToken);
        unbroken.Save(_folder.File_("unbroken"));
        Assert.Equal(Bytes("unbroken"), Bytes("memory"));
    }

    [Fact]
    public void A_Trial_Tells_What_The_Run_Then_Does()
    {
        var described = Tuning.Epochs(2).On(_folder.Train).ScoreOn(_folder.Dev).To(_folder.File_("tried"));
        var trial = described.Try(cancellation: TestContext.Current.CancellationToken);
        Assert.Empty(trial.Warnings);
        Assert.False(Directory.Exists(_folder.File_("tried")));
        using var run = described.Run(cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(trial.Estimate.Forecast.Steps, run.Result.Steps);
        Assert.Equal(trial.Parameters, run.Parameters);
        Assert.Equal(
            Directory.GetFiles(_folder.File_("tried")).Select(f => Path.GetFileName(f)).Order(), trial.Files.Select(f => f.Name).Order());
        Assert.All(
            trial.Files.Where(f => f.Exact), f => Assert.Equal(new FileInfo(Path.Combine(_folder.File_("tried"), f.Name)).Length, f.Bytes));
    }

    public void Dispose() => _folder.Dispose();

    private byte[] Bytes(string name) => File.ReadAllBytes(Path.Combine(_folder.File_(name), "adapter_model.safetensors"));

    // Rows in memory have no columns, which the file's header names.
    private IReadOnlyDictionary<string, byte[]> Tensors(string name)
    {
        using var file = SafetensorsFile.Open(Path.Combine(_folder.File_(name), "adapter_model.safetensors"));
        return file.Tensors.Keys.ToDictionary(key => key, key =>
        {
            using var value = file.Read(key);
            return value.bytes.ToArray();
        });
    }

    private IEnumerable<(string Text, string Label)> Rows()
    {
        using var data = TextDataset.Load(_folder.Train);
        return [.. data.Examples.Select(row => (row.Text, data.LabelNames![row.Label]))];
    }

    private sealed class Steps(List<StepReport> heard) : IProgress<StepReport>
    {
        public void Report(StepReport value) => heard.Add(value);
    }

    private sealed class Heard : RunObserver
    {
        public List<string> Remarks { get; } = [];

        public PeftSharp.Runs.Results.ParameterCount? Parameters { get; private set; }

        public override void Remark(string sentence) => Remarks.Add(sentence);

        public override void Loaded(PeftSharp.Runs.Results.ParameterCount parameters) => Parameters = parameters;
    }

    private sealed class Stopping(long after) : RunObserver
    {
        private readonly CancellationTokenSource _source = new();

        public CancellationToken Token => _source.Token;

        public override void StepCompleted(StepReport step)
        {
            if (step.Step == after) _source.Cancel();
        }
    }
}
