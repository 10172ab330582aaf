using System.Text.Json.Nodes;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;

namespace PeftSharp.Tests.Cli;

/// <summary>Texts with any number of labels at once, from the rows to the merged model.</summary>
public sealed class MultiLabelTests : IDisposable
{
    private static readonly string[] Good = ["good", "fine", "great", "nice"],
        Bad = ["bad", "poor", "awful", "dull"], Things = ["film", "book", "song", "play"];

    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Sets_Of_Labels_Are_Learnt_Scored_Answered_And_Merged()
    {
        var (train, dev) = (Rows("train.jsonl", 96, 1), Rows("dev.jsonl", 24, 2));
        var run = TrainOn("several", train, "--eval-data", dev, "--json").Succeeds();
        Assert.Contains("3 classes, any number of which may hold at once", run.Error);
        Assert.Equal("multi_label_classification", (string?)run.Json["problem"]);
        Assert.InRange((double)run.Json["metrics"]!["f1_micro"]!, 0.9, 1);
        var adapter = _folder.File_("several");
        File.Delete(Path.Combine(adapter, "run.json"));
        var card = AdapterFolder.Open(adapter).Card()!;
        Assert.Equal((TaskKind.MultiLabel, "labels"), (card.Task, card.Columns!.Label));
        Assert.Equal(["film", "positive", "strong"], card.Labels!);

        var scored = Eval(adapter, dev);
        ScoresAreThoseOf(scored, Answers(adapter, dev), dev);
        Assert.Equal((double)run.Json["metrics"]!["exact_match"]!, (double)scored["metrics"]!["exact_match"]!, 1e-9);

        Assert.Equal(["film", "positive", "strong"], Labels(Predict(adapter, "the film is very good")));
        Assert.Empty(Labels(Predict(adapter, "the book is dull")));
        Assert.Null(Predict(adapter, "the book is dull")["label"]);

        Peft.Run("merge", "--base", _folder.Model, "--adapter", adapter, "--out", _folder.File_("merged")).Succeeds();
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder.File_("merged"), "config.json")))!;
        Assert.Equal("multi_label_classification", (string?)config["problem_type"]);
        Assert.Equal("strong", (string?)config["id2label"]!["2"]);
        foreach (var (beside, merged) in Answers(adapter, dev).Zip(Answers(null, dev)))
            foreach (var (name, probability) in beside["probabilities"]!.AsObject())
                Assert.Equal((double)probability!, (double)merged["probabilities"]![name]!, 1e-4);
        var alone = Peft.Run("eval", "--base", _folder.File_("merged"), "--data", dev, "--json").Succeeds().Json;
        Assert.Equal((double)scored["metrics"]!["f1_micro"]!, (double)alone["metrics"]!["f1_micro"]!, 1e-9);
        Peft.Run("verify", adapter, "--base", _folder.Model).Succeeds();

        using var predictor = Predictor.Load(adapter, _folder.Model);
        var none = predictor.Predict("the book is dull");
        Assert.Null(none.Label);
        Assert.Empty(none.Labels);
        Assert.All(none.Probabilities, p => Assert.InRange(p.Value, 0, 0.5));
        Assert.Equal(["positive"], predictor.Predict("the book is good").Labels);
        var both = predictor.Predict("the film is good");
        Assert.Equal(["film", "positive"], both.Labels);
        Assert.Equal(both.Probabilities.MaxBy(p => p.Value).Key, both.Label);
    }

    [Fact]
    public void Tables_Of_Answers_Can_Be_Read_As_Rows_And_Columns_Are_Found_Again()
    {
        var lists = Rows("train.jsonl", 32, 1);
        var table = _folder.File_("flags.csv");
        var lines = File.ReadLines(lists).Select(line => JsonNode.Parse(line)!).Select(row =>
            $"{row["text"]},{string.Join(',', ((string[])["strong", "film"]).Select(name => Labels(row).Contains(name) ? 1 : 0))}");
        File.WriteAllLines(table, lines.Prepend("text,strong,film"));
        TrainOn("flags", table, "--label-columns", "strong,film", "--max-steps", "2", "--epochs", "1").Succeeds();
        // Nobody names the columns again.
        Assert.Equal(32, (int)Eval(_folder.File_("flags"), table)["examples"]!);
        var answers = _folder.File_("answers.csv");
        Peft.Run("predict", "--base", _folder.Model, "--adapter", _folder.File_("flags"), "--data", table, "--out", answers).Succeeds();
        Assert.Equal("row,line,labels,p(strong),p(film)", File.ReadLines(answers).First());
        using var again = TextDataset.Load(
            answers,
            new DataOptions
            {
                Text = "row",
                Label = "labels",
                Kind = LabelKind.MultiLabel,
                Labels = new LabelMap(["strong", "film"]),
                LabelSeparator = '|',
            });
        Assert.Equal(32, again.Count);
        Assert.Contains(
            "is none of the known",
            Peft.Run("eval", "--base", _folder.Model, "--adapter", _folder.File_("flags"), "--data", _folder.Dev).Fails(1));
        Assert.Contains(
            "expected 0 or 1",
            TrainOn("no", table, "--label-columns", "strong,text", "--max-steps", "1", "--epochs", "1").Fails(1));
    }

    [Fact]
    public void Cells_With_Bars_Are_Told_By_A_Word_And_Parts_Are_Those_Of_Training()
    {
        var file = _folder.File_("bars.tsv");
        File.WriteAllLines(
            file,
            File.ReadLines(Rows("train.jsonl", 40, 3)).Select(line => JsonNode.Parse(line)!)
                .Select(row => $"{row["text"]}\t{string.Join('|', Labels(row))}").Prepend("text\tlabels"));
        string[] shares = ["--split-shares", "0.8,0.2"];
        var run = TrainOn(
            "bars", file, [.. shares, "--problem", "multi_label_classification", "--max-steps", "2", "--epochs", "1", "--json"]).Succeeds();
        Assert.Contains("separated by '|'", run.Error);
        var held = (int)run.Json["data"]!["eval"]!["rows"]!;
        var answers = Peft.Run(
            ["predict", "--base", _folder.Model, "--adapter", _folder.File_("bars"), "--data", file, .. shares, "--json"]).Succeeds().Json;
        var scored = Peft.Run(
            ["eval", "--base", _folder.Model, "--adapter", _folder.File_("bars"), "--data", file, .. shares, "--json"]).Succeeds().Json;
        Assert.Equal((held, held), (answers.AsArray().Count, (int)scored["examples"]!));
        var told = Peft.Run("data", file, "--problem", "multi_label_classification", "--json").Succeeds().Json;
        var labels = told["parts"]![0]!["labels"]!;
        Assert.Equal(
            File.ReadLines(file).Skip(1).Count(line => line.Split('\t')[1].Split('|').Contains("film")), (int)labels["film"]!["rows"]!);
        Assert.Equal(
            File.ReadLines(file).Skip(1).Count(line => line.EndsWith('\t')), (int)told["parts"]![0]!["without_label"]!);
        Assert.Contains("say --problem multi_label", Peft.Run("data", file, "--skip-bad-rows").Succeeds().Output);
    }

    [Fact]
    public void An_Adapter_Goes_On_And_Its_Head_Grows()
    {
        TrainOn("first", Rows("train.jsonl", 32, 1), "--max-steps", "4", "--epochs", "1").Succeeds();
        using var run = FineTuning.Of(_folder.Model)
            .Continue(_folder.File_("first"))
            .On([("the film is good", ["film", "new"]), ("the book is bad", (string[])[]), ("the song is very bad", ["strong"])])
            .Steps(2)
            .Run(cancellation: TestContext.Current.CancellationToken);
        run.Save(_folder.File_("second"));
        Assert.Equal(["film", "positive", "strong", "new"], AdapterFolder.Open(_folder.File_("second")).Card()!.Labels!);
        using var predictor = Predictor.Load(_folder.File_("second"), _folder.Model);
        Assert.Equal(4, predictor.Predict("the film is good").Probabilities.Count);
        var single = FineTuning.Of(_folder.Model).Continue(_folder.File_("first")).On([("a film", "good"), ("a book", "bad")]);
        Assert.Contains("holds classes, but the adapter", Assert.Throws<PeftException>(() => single.Run()).Message);
    }

    // Counted from the answers of predict, by another way than eval goes.
    private static void ScoresAreThoseOf(JsonNode scored, IReadOnlyList<JsonNode> answers, string data)
    {
        var rows = File.ReadLines(data).Select(line => Labels(JsonNode.Parse(line)!).ToHashSet()).ToList();
        var said = answers.Select(answer => Labels(answer).ToHashSet()).ToList();
        int hits = rows.Zip(said).Sum(p => p.First.Intersect(p.Second).Count()), all = rows.Sum(r => r.Count) + said.Sum(r => r.Count);
        Assert.Equal(2.0 * hits / all, (double)scored["metrics"]!["f1_micro"]!, 1e-12);
        Assert.Equal(rows.Zip(said).Average(p => p.First.SetEquals(p.Second) ? 1.0 : 0), (double)scored["metrics"]!["exact_match"]!, 1e-12);
        var loss = rows.Zip(answers).Average(p => p.Second["probabilities"]!.AsObject()
            .Average(q => -Math.Log(p.First.Contains(q.Key) ? (double)q.Value! : 1 - (double)q.Value!)));
        Assert.Equal(loss, (double)scored["metrics"]!["loss"]!, 1e-6);
        var film = scored["each_label"]!["film"]!;
        Assert.Equal(rows.Count(r => r.Contains("film")), (int)film["rows"]!);
        Assert.Equal(
            rows.Zip(said).Count(p => p.First.Contains("film") && p.Second.Contains("film")) / (double)rows.Count(r => r.Contains("film")),
            (double)film["recall"]!, 1e-12);
    }

    private static IEnumerable<string> Labels(JsonNode row) => row["labels"]!.AsArray().Select(label => label!.ToString());

    private Peft.Result TrainOn(string name, string data, params string[] more) => Peft.Run(
        [
            "train", "--base", _folder.Model, "--method", "lora", "--data", data, "--out", _folder.File_(name), "--lr", "2e-2", "--compute",
            "fp32", .. more.Contains("--epochs") ? (string[])[] : ["--epochs", "30"], .. more,
        ]);

    private JsonNode Eval(string adapter, string data) =>
        Peft.Run("eval", "--base", _folder.Model, "--adapter", adapter, "--data", data, "--json").Succeeds().Json;

    private JsonNode Predict(string adapter, string text) =>
        Peft.Run("predict", "--base", _folder.Model, "--adapter", adapter, "--text", text, "--json").Succeeds().Json[0]!;

    // Of the adapter, or of the merged model.
    private List<JsonNode> Answers(string? adapter, string data)
    {
        string[] model = adapter is null ? ["--base", _folder.File_("merged")] : ["--base", _folder.Model, "--adapter", adapter];
        return [.. Peft.Run(["predict", .. model, "--data", data, "--json"]).Succeeds().Json.AsArray().Select(answer => answer!)];
    }

    private string Rows(string name, int count, int seed)
    {
        var random = new Random(seed);
        var lines = Enumerable.Range(0, count).Select(_ =>
        {
            var (good, very, thing) = (random.Next(2) == 0, random.Next(2) == 0, Things[random.Next(4)]);
            var labels = new JsonArray();
            if (good) labels.Add("positive");
            if (very) labels.Add("strong");
            if (thing == "film") labels.Add("film");
            var text = $"the {thing} is {(very ? "very " : "")}{(good ? Good : Bad)[random.Next(4)]}";
            return new JsonObject { ["text"] = text, ["labels"] = labels }.ToJsonString();
        });
        File.WriteAllLines(_folder.File_(name), lines);
        return _folder.File_(name);
    }
}
