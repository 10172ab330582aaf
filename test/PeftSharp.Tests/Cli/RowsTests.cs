using System.Text.Json.Nodes;

namespace PeftSharp.Tests.Cli;

/// <summary>Answers belong to the rows of their source: by number, line and the columns that were asked for.</summary>
public sealed class RowsTests(RowsTests.Trained trained) : IClassFixture<RowsTests.Trained>
{
    /// <summary>A folder with an adapter.</summary>
    public sealed class Trained : IDisposable
    {
        public Trained() => Folder.TrainTo("adapter", "--epochs", "2").Succeeds();

        public CliFolder Folder { get; } = new();

        public void Dispose() => Folder.Dispose();
    }

    private string[] Predict => ["predict", "--base", trained.Folder.Model, "--adapter", trained.Folder.File_("adapter")];

    private string Write(string name, string text)
    {
        var path = trained.Folder.File_(name);
        File.WriteAllText(path, text);
        return path;
    }

    [Fact]
    public void Answers_Carry_Row_Line_And_Kept_Columns_And_What_Was_Left_Out_Is_Counted()
    {
        var data = Write("blank-row.csv", "id,text,label\n100,a good film,pos\n101,,neg\n102,a bad film,neg\n");
        var result =
            Peft.Run([.. Predict, "--data", data, "--skip-bad-rows", "--keep", "id,label", "--out", trained.Folder.File_("out.csv")])
            .Succeeds();
        Assert.Contains("1 row left out", result.Error);
        var lines = File.ReadAllLines(trained.Folder.File_("out.csv"));
        Assert.Equal("row,line,id,source_label,label,probability,p(negative),p(positive)", lines[0]);
        Assert.StartsWith("0,2,100,pos,", lines[1]);
        Assert.StartsWith("2,4,102,neg,", lines[2]);
        var json = Peft.Run([.. Predict, "--data", data, "--skip-bad-rows", "--keep-all", "--json"]).Succeeds().Json.AsArray();
        Assert.Equal([(0, 2, "100"), (2, 4, "102")], json.Select(r => ((int)r!["row"]!, (int)r["line"]!, r["id"]!.ToString())));
        Assert.Contains("--skip-bad-rows", Peft.Run([.. Predict, "--data", data]).Fails(1));
        Assert.Contains(
            "1 row left out",
            Peft.Run(
                ["eval", .. Predict[1..], "--data", Write("e.csv", "text,label\na good film,positive\n,negative\n"), "--skip-bad-rows"])
                .Succeeds().Error);
    }

    [Fact]
    public void Files_And_Parts_Are_Named_Where_There_Are_Several()
    {
        Directory.CreateDirectory(trained.Folder.File_("several"));
        var (one, two) = (Write("several/1.csv", "text,label\ngood,positive\n"), Write("several/2.csv", "text,label\nbad,negative\n"));
        var json = Peft.Run([.. Predict, "--data", trained.Folder.File_("several/*.csv"), "--json"]).Succeeds().Json.AsArray();
        Assert.Equal([(0, one), (0, two)], json.Select(r => ((int)r!["row"]!, r["file"]!.ToString())));
        var part = Peft.Run([.. Predict, "--data", trained.Folder.Train, "--split-shares", "0.5,0.5", "--split", "train", "--json"])
            .Succeeds().Json
            .AsArray();
        Assert.All(part, r => Assert.Equal("train", r!["split"]!.ToString()));
        Assert.All(part, r => Assert.Equal((int)r!["row"]! + 2, (int)r["line"]!));
        Assert.NotEqual(Enumerable.Range(0, part.Count), part.Select(r => (int)r!["row"]!));
    }

    [Fact]
    public void Texts_And_Lines_Follow_The_Rule_Of_Files()
    {
        Assert.Contains("standard input, line 2: the text is empty", Peft.RunWith("a good film\n\na bad film\n", Predict).Fails(1));
        Assert.Contains("--text, text 1: the text is empty", Peft.Run([.. Predict, "--text", " "]).Fails(1));
        Assert.Equal(
            "error: standard input holds no row; add at least one (below the header, where there is one).",
            Peft.RunWith("", Predict).Fails(1));
        var marked = Peft.RunWith("\uFEFFa good film\n", Predict).Succeeds().Output;
        Assert.Equal("a good film", JsonNode.Parse(marked)!["text"]!.ToString());
        Assert.Equal(2, Peft.RunWith("a\n\n\nb\n", [.. Predict, "--skip-bad-rows"]).Succeeds().Output.Trim().Split('\n').Length);
    }

    [Fact]
    public void One_Class_Cannot_Be_Learnt() =>
        Assert.Contains("all rows have the label \"pos\"", Peft.Run(
            "train", "--base", trained.Folder.Model, "--method", "lora", "--data", Write("one.csv", "text,label\na,pos\nb,pos\n"), "--out",
            trained.Folder.File_("none"), "--max-steps", "1").Fails(1));

    [Theory]
    [InlineData("--take-eval", "5")]
    [InlineData("--early-stopping", "2")]
    [InlineData("--eval-steps", "2")]
    [InlineData("--metric", "f1")]
    [InlineData("--load-best", null)]
    public void Settings_Of_Scoring_Without_Rows_To_Score_Are_Refused(string option, string? value)
    {
        string[] args = value is null ? [option] : [option, value];
        Assert.Contains($"{option} asks for rows to score on", Peft.Run(
            [
                "train", "--base", trained.Folder.Model, "--method", "lora", "--data", trained.Folder.Train, "--out",
                trained.Folder.File_("refused"), .. args,
            ]).Fails(2));
    }

    [Fact]
    public void A_Run_That_Learnt_Nothing_Or_Was_Not_Scored_Says_So()
    {
        string[] train = ["train", "--base", trained.Folder.Model, "--method", "lora", "--data", trained.Folder.Train, "--compute", "fp32"];
        var unscored = Peft.Run([.. train, "--out", trained.Folder.File_("unscored"), "--max-steps", "1", "--lr", "1e-9"]).Succeeds().Error;
        Assert.Contains("Nothing was scored", unscored);
        Assert.Contains("--split-shares 0.8,0.2", unscored);
        var scored = Peft.Run(
            [.. train, "--out", trained.Folder.File_("unlearnt"), "--epochs", "20", "--lr", "1e-9", "--eval-data", trained.Folder.Dev])
            .Succeeds().Error;
        Assert.Matches("Nothing was learnt: .*--pooling mean", scored);
        var run = JsonNode.Parse(File.ReadAllText(Path.Combine(trained.Folder.File_("unlearnt"), "run.json")))!;
        Assert.Contains("Nothing was learnt", run["remarks"]!.AsArray().Single()!.ToString());
        var one = Peft.Run(
            "eval", "--base", trained.Folder.Model, "--adapter", trained.Folder.File_("adapter"), "--data",
            Write("one-class.csv", "text,label\na good film,positive\na nice song,positive\n"))
            .Succeeds();
        Assert.Contains("All rows have the label \"positive\"", one.Error);
    }

    [Fact]
    public void Columns_Of_Training_Are_Read_By_Eval_And_Predict()
    {
        var rows = Write(
            "columns.csv",
            "text,review,verdict\nx,a good film,positive\ny,a bad film,negative\nz,a fine song,positive\nw,a dull play,negative\n");
        Peft.Run("train", "--base", trained.Folder.Model, "--method", "lora", "--data", rows, "--text", "review", "--label", "verdict",
            "--out", trained.Folder.File_("columns"), "--max-steps", "1", "--compute", "fp32").Succeeds();
        string[] model = ["--base", trained.Folder.Model, "--adapter", trained.Folder.File_("columns")];
        var json = Peft.Run(["predict", .. model, "--data", rows, "--json"]).Succeeds().Json.AsArray();
        Assert.Equal("a good film", json[0]!["text"]!.ToString());
        Assert.Equal(4, (int)Peft.Run(["eval", .. model, "--data", rows, "--json"]).Succeeds().Json["examples"]!);
        var named = Peft.Run(["predict", .. model, "--data", rows, "--text-column", "text", "--json"]).Succeeds().Json.AsArray();
        Assert.Equal("x", named[0]!["text"]!.ToString());
    }
}
