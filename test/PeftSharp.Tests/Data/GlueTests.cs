using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

public sealed class GlueTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("CoLA", 8551, 1043)]
    [InlineData("SST-2", 67349, 872)]
    [InlineData("MRPC", 3668, 408)]
    [InlineData("STS-B", 5749, 1500)]
    [InlineData("QQP", 23496, 9372)]
    [InlineData("MNLI", 9999, 9815)]
    [InlineData("QNLI", 9999, 5463)]
    [InlineData("RTE", 2490, 277)]
    [InlineData("WNLI", 635, 71)]
    public void Real_Folders_Are_Recognised_And_Read_Whole(string name, int train, int dev)
    {
        var folder = TestPaths.RequireShared("data", name);
        var task = GlueTask.TryRecognise(folder)!;
        Assert.Equal(name, task.Name);
        foreach (var (split, count) in new[] { (GlueSplit.Train, train), (GlueSplit.Dev, dev) })
        {
            var data = GlueTask.Load(folder, split);
            Assert.Equal((count, 0, task.Kind), (data.Count, data.SkippedRows, data.Kind));
            Assert.All(data.Examples, e => Assert.Equal(task.IsPair, e.Pair is not null));
            if (task.Labels is { } labels) Assert.Equal(labels.Count, data.Examples.Select(e => e.Label).Distinct().Count());
            else Assert.All(data.Examples, e => Assert.InRange(e.Target, 0, 5));
        }
    }

    [Fact]
    public void Mismatched_And_Test_Files_Are_Read()
    {
        var mismatched = GlueTask.Load(TestPaths.RequireShared("data", "MNLI"), GlueSplit.DevMismatched);
        Assert.Equal((1000, 3), (mismatched.Count, mismatched.Examples.Select(e => e.Label).Distinct().Count()));
        var test = GlueTask.Load(TestPaths.RequireShared("data", "QNLI"), GlueSplit.Test);
        Assert.Equal((5463, LabelKind.None), (test.Count, test.Kind));
    }

    [Theory]
    [InlineData("NSMC/ratings_train_first5000.txt", 5000, LabelKind.Class)]
    [InlineData("NSMC/ratings_test.txt", 50000, LabelKind.Class)]
    [InlineData("KorSTS/sts-train.tsv", 5749, LabelKind.Regression)]
    [InlineData("KorSTS/sts-dev.tsv", 1500, LabelKind.Regression)]
    [InlineData("E2E/devset.csv", 4672, LabelKind.None)]
    [InlineData("E2E/testset_w_refs.csv", 4693, LabelKind.None)]
    [InlineData("instruct/alpaca_en_demo.json", 999, LabelKind.None)]
    public void Other_Real_Files_Are_Read(string file, int rows, LabelKind kind)
    {
        var options = new DataOptions { AllowEmptyText = true };
        if (file.StartsWith("E2E", StringComparison.Ordinal)) options = options with { Text = "mr", Pair = "ref" };
        if (file.StartsWith("instruct", StringComparison.Ordinal)) options = options with { Text = "instruction", Pair = "output" };
        var data = TextDataset.Load(TestPaths.RequireShared(["data", .. file.Split('/')]), options);
        Assert.Equal((rows, kind), (data.Count, data.Kind));
    }

    [Fact]
    public void Listed_Rows_Of_The_Benchmark_Exist()
    {
        var list = File.ReadLines(TestPaths.RequireShared("fixtures", "sst2-10000.txt")).Select(int.Parse);
        Assert.Equal(10_000, GlueTask.Load(TestPaths.RequireShared("data", "SST-2"), GlueSplit.Train).Subset(list).Count);
    }

    [Theory]
    [InlineData("sst2", "SST-2")]
    [InlineData("stsb", "STS-B")]
    [InlineData("cola", "CoLA")]
    [InlineData("MNLI", "MNLI")]
    public void Names_Are_Found_In_Any_Spelling(string name, string task) => Assert.Equal(task, GlueTask.Find(name)!.Name);

    [Theory]
    [InlineData("\uFEFFQuality\t#1 ID\t#2 ID\t#1 String\t#2 String", "MRPC")]
    [InlineData("id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate", "QQP")]
    [InlineData("index\tsentence1\tsentence2\tgold_label", "MNLI")]
    [InlineData("index\tquestion\tsentence\tlabel", "QNLI")]
    [InlineData("sentence\tlabel", null)]
    public void Folder_Of_Another_Name_Is_Known_By_A_Header_Of_Its_Own(string header, string? task)
    {
        _folder.Write("download/train.tsv", header + "\n");
        Assert.Equal(task, GlueTask.TryRecognise(Path.Combine(_folder.Path, "download"))?.Name);
    }

    [Fact]
    public void Cola_Has_A_Header_In_Its_Test_File_Only()
    {
        _folder.Write("CoLA/train.tsv", "gj04\t1\t\tGood one.\nks08\t0\t*\tOne bad.\n");
        _folder.Write("CoLA/test.tsv", "index\tsentence\n0\tUnknown one.\n");
        var folder = Path.Combine(_folder.Path, "CoLA");
        Assert.Equal([("Good one.", 1), ("One bad.", 0)], GlueTask.Load(folder, GlueSplit.Train).Examples.Select(e => (e.Text, e.Label)));
        Assert.Equal(["unacceptable", "acceptable"], GlueTask.Load(folder, GlueSplit.Train).LabelNames);
        Assert.Equal("Unknown one.", GlueTask.Load(folder, GlueSplit.Test).Examples.Single().Text);
        Assert.Equal([GlueSplit.Train, GlueSplit.Test], GlueTask.SplitsIn(folder));
    }

    [Fact]
    public void Wrong_Folders_And_Rows_Are_Refused_With_A_Sentence()
    {
        _folder.Write("RTE/train.tsv", "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tmaybe\n");
        var rte = Path.Combine(_folder.Path, "RTE");
        Assert.Contains("line 2: the label 'maybe'", Refused(() => GlueTask.Load(rte, GlueSplit.Train)));
        Assert.Contains("no development file of RTE; expected dev.tsv", Refused(() => GlueTask.Load(rte, GlueSplit.Dev)));
        Assert.Contains("is no GLUE folder", Refused(() => GlueTask.Load(_folder.Path, GlueSplit.Train)));
        _folder.Write("RTE/dev_a.tsv", "x");
        _folder.Write("RTE/dev_b.tsv", "x");
        Assert.Contains("several development files (dev_a.tsv, dev_b.tsv)", Refused(() => GlueTask.Load(rte, GlueSplit.Dev)));
    }

    private static string Refused(Action action) => Assert.Throws<PeftException>(action).Message;
}
