using PeftSharp.Data;
using PeftSharp.Runs;
using PeftSharp.Tests.Cli;

namespace PeftSharp.Tests.Runs;

/// <summary>Scores in C# are those of the command line, whatever the order in which rows name the classes.</summary>
public sealed class EvaluationTests : IDisposable
{
    private readonly CliFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Files_And_Rows_In_Memory_Score_As_The_Command_Line_Does()
    {
        var adapter = _folder.File_("adapter");
        _folder.TrainTo("adapter", "--epochs", "10").Succeeds();
        var told = Peft.Run("eval", "--base", _folder.Model, "--adapter", adapter, "--data", _folder.Dev, "--json").Succeeds().Json;
        using var model = LoadedModel.Open(_folder.Model, adapter);
        var found = Evaluation.Run(model, _folder.Dev, cancellation: Cancellation);
        Assert.Equal((double)told["metrics"]!["accuracy"]!, found.Scores.Values["accuracy"], 9);
        Assert.Equal((double)told["metrics"]!["loss"]!, found.Scores.Values["loss"], 6);
        Assert.Equal((long)told["confusion"]![0]![1]!, found.Confusion![0, 1]);

        // The same rows with their classes numbered the other way round.
        using var rows = TextDataset.Load(_folder.Dev, new() { Labels = new LabelMap(["positive", "negative"]) });
        var turned = Evaluation.Run(model, rows, cancellation: Cancellation);
        Assert.Equal(found.Scores.Values["loss"], turned.Scores.Values["loss"], 9);
        Assert.Equal(found.Confusion[0, 1], turned.Confusion![0, 1]);
        Assert.Equal(["negative", "positive"], turned.Data.LabelNames!);
    }

    [Fact]
    public void Scores_That_Say_Little_Come_With_A_Remark_And_Other_Rows_Are_Refused()
    {
        _folder.TrainTo("adapter", "--epochs", "1").Succeeds();
        using var model = LoadedModel.Open(_folder.Model, _folder.File_("adapter"));
        var alike = TextDataset.FromRows([new("the film is good", "positive"), new("the book is fine", "positive")], "my rows");
        Assert.Contains(
            "All rows have the label \"positive\"", Assert.Single(Evaluation.Run(model, alike, cancellation: Cancellation).Remarks));
        var numbers = TextDataset.FromRows([new("the film is good", "0.5"), new("the book is fine", "0.25")], "my rows");
        Assert.Contains(
            "holds numbers, but the model answers with classes",
            Assert.Throws<PeftException>(() => Evaluation.Run(model, numbers, cancellation: Cancellation)).Message);
        var others =
            TextDataset.FromRows([new("the film is good", "yes"), new("the book is fine", "no"), new("a play", "perhaps")], "my rows");
        Assert.Contains(
            "is none of negative, positive",
            Assert.ThrowsAny<PeftException>(() => Evaluation.Run(model, others, cancellation: Cancellation)).Message);
        var two = TextDataset.FromRows([new("the film is good", "yes"), new("the book is fine", "no")], "my rows");
        Assert.Contains(
            "has the classes no, yes, but the model answers negative, positive",
            Assert.Throws<PeftException>(() => Evaluation.Run(model, two, cancellation: Cancellation)).Message);
        var pairs = TextDataset.FromRows([new("the film is good", "positive", "so"), new("the book is fine", "negative", "no")], "my rows");
        Assert.Contains(
            "my rows holds pairs", Assert.Throws<PeftException>(() => Evaluation.Run(model, pairs, cancellation: Cancellation)).Message);
    }

    public void Dispose() => _folder.Dispose();
}
