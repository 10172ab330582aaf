using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Methods.Partial.BitFit;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Tests.Cli;

namespace PeftSharp.Tests.Runs;

/// <summary>An adapter goes on on new rows: as it was, with its head grown by the classes that are new, on its own base alone.</summary>
public sealed class ContinuedAdapterTests : IDisposable
{
    private static readonly (string, string)[] Questions =
    [
        ("is the film good", "question"), ("is the song very nice", "question"), ("is a play fine", "question"),
        ("is the book dull", "question"),
        ("the film is great", "positive"), ("the song is very nice", "positive"), ("the book is awful", "negative"),
        ("the play is dull", "negative"),
    ];

    private readonly CliFolder _folder = new();

    private FineTuning Tuning => FineTuning.Of(_folder.Model).Rate(2e-2).Set("compute", "fp32");

    private string First => _folder.File_("first");

    private void TrainFirst(string method = "lora") =>
        Tuning.With(method).On(_folder.Train).Epochs(10).To(First).Run(cancellation: Cancellation).Dispose();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void It_Starts_Where_It_Was_And_Learns_On()
    {
        TrainFirst();
        using var run = Tuning.Continue(First)
            .On(_folder.Dev)
            .Steps(1)
            .Rate(1e-12)
            .Set("warmup_ratio", "0")
            .Run(cancellation: Cancellation);
        run.Save(_folder.File_("second"));
        using var before = Predictor.Load(First);
        using var after = Predictor.Load(_folder.File_("second"));
        Assert.Equal(before.Labels, after.Labels);
        foreach (var text in (string[])["the film is great", "a book is very dull"])
            Assert.Equal(before.Predict(text).Probability, after.Predict(text).Probability, 1e-5);
        Assert.Equal(First, (string?)run.Report["settings"]!["adapter"]);
        Assert.Equal("lora", (string?)run.Report["settings"]!["method"]);
    }

    [Theory]
    [InlineData("lora")]
    [InlineData("houlsby")]
    [InlineData("fish")]
    [InlineData("full")]
    public void New_Classes_Extend_The_Head_By_Name(string method)
    {
        TrainFirst(method);
        var heard = new Heard();
        using var run = Tuning.Continue(First).On(Questions).Rate(method == "full" ? 2e-3 : 2e-2).Steps(60).Run(heard, Cancellation);
        Assert.Contains(
            heard.Remarks,
            r =>
                r.Contains("question is new: the head of", StringComparison.Ordinal)
                    && r.Contains("grows from 2 to 3 classes", StringComparison.Ordinal));
        run.Save(_folder.File_("grown"));
        using var grown = Predictor.Load(_folder.File_("grown"));
        Assert.Equal(["negative", "positive", "question"], grown.Labels);
        Assert.Equal("question", grown.Predict("is the film good").Label);
        Assert.Equal("negative", grown.Predict("the book is awful").Label);
    }

    [Fact]
    public void Old_Outputs_Keep_Their_Rows_When_The_Head_Grows()
    {
        TrainFirst();
        using var run = Tuning.Continue(First).On(Questions).Steps(1).Rate(1e-12).Set("warmup_ratio", "0").Run(cancellation: Cancellation);
        run.Save(_folder.File_("grown"));
        var (old, grown) = (Head(First), Head(_folder.File_("grown")));
        Assert.Equal((2 * 32, 3 * 32), (old.Length, grown.Length));
        for (var i = 0; i < old.Length; i++) Assert.Equal(old[i], grown[i], 1e-6f);
    }

    [Fact]
    public void Classes_Keep_The_Adapters_Order_And_May_Be_Fewer()
    {
        TrainFirst();
        using var fewer = Tuning.Continue(First)
            .On([("is it good", "question"), ("the film is great", "positive"), ("is it bad", "question")])
            .Steps(2)
            .Run(cancellation: Cancellation);
        Assert.Equal(["negative", "positive", "question"], fewer.Report["labels"]!.AsArray().Select(l => (string?)l));
        using var turned = Tuning.Continue(First)
            .On([("the film is great", "Positive"), ("the film is dull", "Negative")])
            .Steps(1)
            .Run(cancellation: Cancellation);
        Assert.Equal(["negative", "positive"], turned.Report["labels"]!.AsArray().Select(l => (string?)l));
    }

    [Fact]
    public void Other_Methods_Settings_Tasks_And_Bases_Are_Refused()
    {
        TrainFirst();
        string Refused(FineTuning tuning) => Assert.ThrowsAny<PeftException>(() => tuning.Run(cancellation: Cancellation)).Message;
        var again = Tuning.Continue(First).On(_folder.Train);
        Assert.Contains("was trained with lora", Refused(again.With(new BitFitOptions())));
        Assert.Contains("\"r\" is 5, but the adapter", Refused(again.Set("r", "5")));
        Assert.Contains("\"r\" is 3, but the adapter", Refused(again.With(new LoraOptions { Rank = 3 })));
        Assert.Contains("holds numbers, but the adapter", Refused(again.On([("a film", "0.5"), ("a book", "0.25"), ("a song", "0.75")])));
        Assert.Contains(
            "numbers its classes (0, 1, 2), but the adapter", Refused(again.On([("a film", "0"), ("a book", "1"), ("a song", "2")])));
        Assert.Contains("pooling: mean", Refused(again.Set("pooling", "mean")));
        Assert.Throws<OutputRefusedException>(() => again.To(First, overwrite: true).Run(cancellation: Cancellation));
        using var other = new CliFolder();
        // Tiny models are drawn alike; one weight makes another base.
        ModelWriter.Write(
            ModelLoader.Create(
                ModelConfig.Read(other.Model), null, new ModelOptions { Seed = 7, Task = PeftSharp.Models.Heads.TaskKind.Embedding }),
            other.Model);
        Assert.Contains("base", Refused(FineTuning.Of(other.Model).Continue(First).On(_folder.Train)), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void The_Command_Line_Goes_On_Too_And_Resumes()
    {
        TrainFirst();
        File.WriteAllLines(_folder.File_("questions.tsv"), Questions.Select(q => $"{q.Item1}\t{q.Item2}").Prepend("sentence\tlabel"));
        var result = Peft.Run(
            "train", "--adapter", First, "--data", _folder.File_("questions.tsv"), "--max-steps", "6", "--save-steps", "2", "--compute",
            "fp32", "--out", _folder.File_("grown"))
            .Succeeds();
        Assert.Contains("as the adapter", result.Error);
        Assert.Contains("grows from 2 to 3 classes", result.Error);
        Assert.Contains(
            "is 9, but the adapter",
            Peft.Run("train", "--adapter", First, "--data", _folder.Train, "--set", "r=9", "--out", _folder.File_("x")).Fails(2));
        using var predictor = Predictor.Load(_folder.File_("grown"));
        Assert.Equal(3, predictor.Labels.Count);
    }

    public void Dispose() => _folder.Dispose();

    private static float[] Head(string folder)
    {
        using var file = SafetensorsFile.Open(Path.Combine(folder, "adapter_model.safetensors"));
        using var weight = file.Read(file.Tensors.Keys.Single(k => k.EndsWith("classifier.weight", StringComparison.Ordinal)));
        return weight.data<float>().ToArray();
    }

    private sealed class Heard : RunObserver
    {
        public List<string> Remarks { get; } = [];

        public override void Remark(string sentence) => Remarks.Add(sentence);
    }
}
