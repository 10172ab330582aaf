using System.Text.Json.Nodes;
using PeftSharp.Data;
using PeftSharp.Methods.Partial.Head;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Runs;
using PeftSharp.Tests.Cli;
using PeftSharp.Training;

namespace PeftSharp.Tests.Runs.Joint;

/// <summary>Several datasets in one run, from C#, a recipe and the command line: learnt, written, loaded singly, taken up again.</summary>
public sealed class JointRunTests : IDisposable
{
    private readonly CliFolder _folder = new();

    private FineTuning Tuning =>
        FineTuning.Of(_folder.Model).With(new LoraOptions { Rank = 4 }).Rate(2e-2).Epochs(24).Set("compute", "fp32");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void Three_Tasks_Are_Learnt_Together_And_Each_Loads_Singly()
    {
        using var numbers = Numbers();
        using var run = Tuning.OnTask("mood", _folder.Train, new("eval_data", _folder.Dev), new("label_column", "label"))
            .OnTask("thing", Things(), Things())
            .OnTask("grade", numbers, numbers)
            .Set("sampling_temperature", "2")
            .Run(cancellation: Token);
        Assert.Equal(["mood", "thing", "grade"], run.Tasks);
        Assert.InRange(run.Scores!.Values["mood/accuracy"], 0.9, 1);
        Assert.InRange(run.Scores.Values["thing/accuracy"], 0.9, 1);
        Assert.InRange(run.Scores.Values["grade/pearson"], 0.9, 1);
        Assert.Equal("average", run.Scores.Primary);
        run.Save(_folder.File_("saved"));
        Assert.Equal(
            [".peftsharp.json", "grade", "mood", "run.json", "thing", "training_log.jsonl"],
            Directory.GetFileSystemEntries(_folder.File_("saved")).Select(e => Path.GetFileName(e)).Order(StringComparer.Ordinal));
        using (var mood = Predictor.Load(_folder.File_("saved/mood")))
        {
            Assert.Equal(["negative", "positive"], mood.Labels);
            Assert.Equal("positive", mood.Predict("the film is great").Label);
        }
        using (var thing = Predictor.Load(_folder.File_("saved/thing")))
        {
            Assert.Equal(["book", "film", "play", "song"], thing.Labels.Order());
            Assert.Equal("song", thing.Predict("the song is dull").Label);
        }
        // What the file answers is what was scored, to the last digit.
        using var loaded = LoadedModel.Open(_folder.Model, _folder.File_("saved/mood"));
        var scores = Evaluation.Run(loaded, _folder.Dev);
        Assert.Equal(run.Scores.Values["mood/loss"], scores.Scores.Values["loss"], 12);
        var tasks = (JsonArray)run.Report["tasks"]!;
        Assert.Equal(["classification", "classification", "regression"], tasks.Select(task => (string?)task!["problem"]));
        Assert.Equal(1, tasks.Sum(task => (double)task!["share"]!), 12);
        // Each is an adapter of the model as well, beside what was trained.
        var extracted = run.Extract("thing");
        Assert.Equal(4, extracted.Outputs);
        Assert.Contains("There is no task \"other\"", Assert.Throws<PeftException>(() => run.Extract("other")).Message);
    }

    [Fact]
    public void A_Recipe_And_The_Command_Line_And_A_Program_Train_The_Same_Adapters()
    {
        File.WriteAllText(_folder.File_("joint.yaml"), $"""
            base_model: {_folder.Model}
            method: lora
            r: 4
            compute: fp32
            num_train_epochs: 2
            eval_steps: 5
            tasks:
              - name: one
                data: {_folder.Train}
                eval_data: {_folder.Dev}
              - name: two
                data: {_folder.Dev}
                max_train_samples: 16
                eval_data: {_folder.Train}
            """);
        Peft.Run("train", "--recipe", _folder.File_("joint.yaml"), "--out", _folder.File_("recipe")).Succeeds();
        Tuning.Rate(5e-4).Epochs(2).Set("eval_steps", "5")
            .OnTask("one", _folder.Train, new KeyValuePair<string, string>("eval_data", _folder.Dev))
            .OnTask("two", _folder.Dev, new("max_train_samples", "16"), new("eval_data", _folder.Train))
            .To(_folder.File_("program"))
            .Run(cancellation: Token).Dispose();
        foreach (var task in (string[])["one", "two"]) Assert.Equal(Bytes("recipe", task), Bytes("program", task));
        Assert.NotEqual(Bytes("recipe", "one"), Bytes("recipe", "two"));
        var eval = Peft.Run("eval", "--adapter", _folder.File_("recipe/two"), "--data", _folder.Train, "--json");
        var told = JsonNode.Parse(File.ReadAllText(_folder.File_("recipe/run.json")))!["tasks"]![1]!["metrics"]!;
        Assert.Equal((double)told["accuracy"]!, (double)JsonNode.Parse(eval.Succeeds().Output)!["metrics"]!["accuracy"]!);
        Peft.Run("verify", _folder.File_("recipe/two")).Succeeds();
    }

    [Fact]
    public void A_Joint_Run_That_Was_Cut_Off_Goes_On_To_The_Same_End()
    {
        var described = Tuning.Epochs(4).Set("save_steps", "3").Set("sampling_temperature", "3")
            .OnTask("one", _folder.Train)
            .OnTask("two", _folder.Dev);
        described.To(_folder.File_("whole")).Run(cancellation: Token).Dispose();
        using var stop = new CancellationTokenSource();
        using (var cut = described.To(_folder.File_("cut")).Run(new Stopping(stop, 7), stop.Token)) Assert.True(cut.CanGoOn);
        using (var resumed = Run.Resume(_folder.File_("cut"), cancellation: Token)) Assert.False(resumed.Interrupted);
        foreach (var task in (string[])["one", "two"]) Assert.Equal(Bytes("whole", task), Bytes("cut", task));
        // With other tasks, or another share of each, it is another run.
        using var later = new CancellationTokenSource();
        using (var again = described.To(_folder.File_("other")).Run(new Stopping(later, 7), later.Token)) Assert.True(again.CanGoOn);
        Assert.Contains(
            "sampling_temperature",
            Assert.Throws<PeftException>(
                () => described.To(_folder.File_("other")).Set("sampling_temperature", "1").Resuming().Run(cancellation: Token)).Message);
    }

    [Fact]
    public void What_Does_Not_Go_Together_Is_Refused()
    {
        var two = Tuning.OnTask("one", _folder.Train).OnTask("two", _folder.Dev);
        string Refused(FineTuning tuning) => Assert.ThrowsAny<PeftException>(() => tuning.Run(cancellation: Token)).Message;
        Assert.Contains("data has no place beside tasks: each task names its own", Refused(two.On(_folder.Train)));
        Assert.Contains("cache_trunk has no place beside tasks", Refused(two.Set("cache_trunk", "true")));
        Assert.Contains("tells of a run with one task", Assert.ThrowsAny<PeftException>(() => two.Try(cancellation: Token)).Message);
        Assert.Contains("names of letters", Assert.Throws<SettingsException>(() => two.OnTask("a/b", _folder.Dev)).Message);
        Assert.Contains(
            "\"seed\" is none",
            Assert.Throws<SettingsException>(() => two.OnTask("c", _folder.Dev, new KeyValuePair<string, string>("seed", "1"))).Message);
        Assert.Contains("Two tasks are called \"one\"", Refused(two.OnTask("one", _folder.Dev)));
        Assert.Contains("nothing that tasks could share", Refused(two.With(new HeadOptions())));
        Assert.Empty(Directory.GetDirectories(_folder.Root, "*.run"));
    }

    public void Dispose() => _folder.Dispose();

    private byte[] Bytes(string run, string task) =>
        File.ReadAllBytes(Path.Combine(_folder.File_(run), task, "adapter_model.safetensors"));

    private TextDataset Things()
    {
        using var data = TextDataset.Load(_folder.Train);
        return TextDataset.FromRows([.. data.Examples.Select(row => new LabelledText(row.Text, row.Text.Split(' ')[1]))], "things");
    }

    private TextDataset Numbers()
    {
        using var data = TextDataset.Load(_folder.Train);
        return TextDataset.FromRows(
            [.. data.Examples.Select(row => new LabelledText(row.Text, row.Label == 0 ? "-0.5" : "1.25"))], "numbers",
            new() { Kind = LabelKind.Regression });
    }

    internal sealed class Stopping(CancellationTokenSource source, long step) : RunObserver
    {
        public override void StepCompleted(StepReport report)
        {
            if (report.Step == step) source.Cancel();
        }
    }
}
