using PeftSharp.Data;
using PeftSharp.Generation;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Runs;
using PeftSharp.Tests.Cli;
using PeftSharp.Tests.Generation;
using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Runs;

/// <summary>Instruction data to an adapter that answers: in C# and on the command line.</summary>
public sealed class InstructRunTests : IDisposable
{
    private readonly WritingModel _files = new();

    private FineTuning Tuning => FineTuning.Of(_files.Model).With(new LoraOptions
    {
        Rank = 8,
        Alpha = 16,
        TargetModules = new("all-linear")
    }).On(_files.Rows).ScoreOn(_files.Rows)
        .Rate(1e-2).Batch(8).Epochs(30).Set("compute", "fp32");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Answers_Are_Learnt(bool packed)
    {
        using var run = Tuning.Set("packing", packed ? "true"
            : "false").Set("max_length", "96").Run(cancellation: TestContext.Current.CancellationToken);
        Assert.InRange(run.Scores!.Values["perplexity"], 1, 1.5);
        Assert.Equal(Math.Exp(run.Scores.Values["loss"]), run.Scores.Values["perplexity"], 1e-9);
        Assert.Equal("generation", (string)run.Report["problem"]!);
        run.Save(_files.File_("adapter"));
        using var loaded = LoadedModel.Open(_files.Model, _files.File_("adapter"));
        var (generator, template) = (loaded.Generator(), loaded.ChatTemplate());
        for (var i = 0; i < 4; i++)
        {
            var prompt = template.Encode([new(ChatMessage.User, $"Which colour is number {i}?")], beginAnswer: true);
            var answer = generator.Generate([prompt], selection: loaded.Selection, cancellation: TestContext.Current.CancellationToken)[0];
            Assert.Equal((WritingModel.Colours[i], StopReason.EndToken), (answer.Text, answer.Reason));
        }
    }

    [Fact]
    public void The_Tool_Trains_Scores_And_Answers()
    {
        var adapter = _files.File_("out");
        Peft.Run("train", "--base", _files.Model, "--method", "lora", "--set", "target_modules=all-linear", "lora_alpha=16", "--data",
            _files.Rows, "--eval-data", _files.Rows, "--lr", "1e-2",
            "--batch-size", "8", "--epochs", "30", "--compute", "fp32", "--out", adapter).Succeeds();
        var scores = Peft.Run("eval", "--base", _files.Model, "--adapter", adapter, "--data", _files.Rows, "--json").Succeeds().Json;
        Assert.InRange((double)scores["metrics"]!["perplexity"]!, 1, 1.5);
        Assert.InRange((double)Peft.Run("eval", "--base", _files.Model, "--data",
            _files.Rows, "--json").Succeeds().Json["metrics"]!["perplexity"]!, 100, 1e9);
        var answers = Peft.Run("generate", "--adapter", adapter, "--base",
            _files.Model, "--text", "Which colour is number 2?", "--text", "Which colour is number 0?", "--json").Succeeds().Json;
        Assert.Equal(["blue", "red"], answers.AsArray().Select(a => (string)a!["text"]!));
        Assert.Equal("green\n", Peft.Run("generate", "--adapter", adapter, "--base",
            _files.Model, "--text", "Which colour is number 1?").Succeeds().Output);
        var chat = Peft.RunWith("Which colour is number 3?\n/base\n/adapter out\n/new\nWhich colour is number 1?\n/adapter "
            + "nobody\n/quit\n", "chat", "--adapter", adapter, "--base", _files.Model).Succeeds();
        Assert.Equal("grey\ngreen\n", chat.Output);
        Assert.Contains("There is no adapter \"nobody\"", chat.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_Run_Is_Estimated_Before_It_Starts()
    {
        string[] line = ["train", "--base", _files.Model, "--method", "lora", "--data", _files.Rows, "--eval-data",
            _files.Rows, "--epochs", "2", "--compute", "fp32", "--dry-run"];
        var estimate = Peft.Run([.. line, "--out", _files.File_("dry"), "--json"]).Succeeds().Json;
        Assert.True(estimate.AsObject().Count > 3);
        Assert.False(Directory.Exists(_files.File_("dry")));
        Assert.Contains("packed rows", Peft.Run([.. line, "--packing", "--out", _files.File_("dry")]).Fails(2), StringComparison.Ordinal);
        Assert.Contains("ask it with generate", Peft.Run("predict", "--base", _files.Model, "--text", "x").Fails(1),
            StringComparison.Ordinal);
    }

    [Fact]
    public void What_Cannot_Be_Done_Is_Refused()
    {
        Assert.Contains("--top-k", Peft.Run("generate", "--help").Output, StringComparison.Ordinal);
        Assert.Contains("temperature is 0", Peft.Run("generate", "--base", _files.Model, "--text", "x", "--top-k", "4").Fails(2),
            StringComparison.Ordinal);
        Assert.Contains("gives no text", Peft.Run("generate", "--base", TestPaths.Fixture("models", "bert"), "--text", "x").Fails(1),
            StringComparison.Ordinal);
        var classes = _files.File_("classes.csv");
        File.WriteAllText(classes, "text,label\na,1\nb,0\n");
        Assert.Contains("puts several sequences into a row",
            Assert.Throws<SettingsException>(() =>
            FineTuning.Of(_files.Model)
                .On(classes)
                .Set("packing", "true")
                .Run(cancellation: TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _files.Dispose();
}
