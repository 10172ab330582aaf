using System.Text.Json.Nodes;
using PeftSharp.Runs.Rows;
using PeftSharp.Tests.Data;

namespace PeftSharp.Tests.Cli;

/// <summary><c>peft data</c>, and the other verbs on data of every form.</summary>
public sealed class DataVerbTests(CliFolder folder) : IClassFixture<CliFolder>
{
    private string[] Rows => [.. File.ReadLines(folder.Train).Concat(File.ReadLines(folder.Dev).Skip(1))];

    private string Parts()
    {
        var parts = folder.File_("parts");
        Directory.CreateDirectory(Path.Combine(parts, "data"));
        foreach (var (name, file) in new[] { ("train-00000-of-00002", 0), ("train-00001-of-00002", 1) })
            File.WriteAllText(
                Path.Combine(parts, "data", $"{name}.tsv"),
                string.Join('\n', Rows.Skip(1).Where((_, i) => i < 64 && i % 2 == file).Prepend(Rows[0])) + "\n");
        File.WriteAllBytes(Path.Combine(parts, "data", "validation.tsv.gz"), GzipTests.Pack(File.ReadAllText(folder.Dev) + Rows[1] + "\n"));
        return parts;
    }

    [Fact]
    public void Parts_Labels_Lengths_And_Leaks_Are_Told()
    {
        var json = Peft.Run("data", Parts(), "--base", folder.Model, "--max-length", "6", "--json").Succeeds().Json;
        Assert.Equal(
            ["sentence string text", "label string label"],
            json["columns"]!.AsArray().Select(c => $"{c!["name"]} {c["type"]} {c["role"]}"));
        var (train, validation) = (json["parts"]![0]!, json["parts"]![1]!);
        Assert.Equal(["train", "validation"], json["parts"]!.AsArray().Select(p => p!["name"]!.ToString()));
        Assert.Equal((64, 25), ((int)train["rows"]!, (int)validation["rows"]!));
        Assert.Equal(32, (int)train["labels"]!["negative"]!["rows"]!);
        Assert.Equal(0.5, (double)train["labels"]!["positive"]!["share"]!);
        // [CLS] the film is (very) good [SEP]
        Assert.Equal((6, 7), ((int)train["lengths"]!["tokens"]!["min"]!, (int)train["lengths"]!["tokens"]!["max"]!));
        var texts = Rows.Skip(1).Select(r => r.Split('\t')[0]).ToList();
        Assert.Equal(texts.Take(64).Count(t => t.Contains("very")), (int)train["longer_than_max_length"]!);
        Assert.Equal(64 - texts.Take(64).Distinct().Count(), (int)train["duplicates"]!);
        var seen = texts.Take(64).ToHashSet();
        Assert.Equal(texts.Skip(64).Append(texts[0]).Count(seen.Contains), (int)validation["also_in_train"]!);
        Assert.Contains("validation.tsv.gz, line ", validation["also_in_train_at"]![0]!.ToString());
    }

    [Fact]
    public void The_Report_Is_Text_And_The_Picture_A_Png()
    {
        var picture = folder.File_("data.png");
        var output = Peft.Run("data", folder.Train, "--eval-data", folder.Dev, "--plot", picture).Succeeds().Output;
        Assert.Matches(@"(?m)^train +words +4 ", output);
        Assert.Matches(@"(?m)^negative +32 +50\.0% +12 +50\.0%", output);
        Assert.Contains("####", output);
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(picture)[..4]);
    }

    [Fact]
    public void Bad_Rows_And_Empty_Texts_Are_Counted_Not_Refused()
    {
        var file = folder.File_("faults.csv");
        File.WriteAllText(file, "text,label\nfine,1\n,0\nonly one\npoor,0\n");
        var part = Peft.Run("data", file, "--json").Succeeds().Json["parts"]![0]!;
        Assert.Equal((3, 1, 1), ((int)part["rows"]!, (int)part["bad_rows"]!, (int)part["empty_texts"]!));
        Assert.Contains("faults.csv, line 4", part["problems"]![0]!.ToString());
    }

    [Fact]
    public void A_Folder_With_Parts_Trains_And_Scores_On_Its_Validation_Part()
    {
        var parts = Parts();
        Peft.Run(
            "train", "--base", folder.Model, "--method", "lora", "--data", parts, "--out", folder.File_("of-parts"), "--max-steps", "2",
            "--compute", "fp32")
            .Succeeds();
        var run = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.File_("of-parts"), "run.json")))!;
        Assert.Equal((64, 25), ((int)run["data"]!["train"]!["rows"]!, (int)run["data"]!["eval"]!["rows"]!));
        string[] model = ["--base", folder.Model, "--adapter", folder.File_("of-parts")];
        Assert.Equal(25, (int)Peft.Run(["eval", .. model, "--data", parts, "--json"]).Succeeds().Json["examples"]!);
        Assert.Equal(
            64,
            Peft.Run(["predict", .. model, "--data", Path.Combine(parts, "data", "train-*.tsv"), "--json"])
                .Succeeds().Json
                .AsArray().Count);
        Assert.Contains("has no test part", Peft.Run(["eval", .. model, "--data", parts, "--split", "test"]).Fails(1));
    }

    [Fact]
    public void A_Cut_By_Shares_Is_The_Same_For_Every_Verb_And_Every_Seed_Of_The_Run()
    {
        string[] cut = ["--split-shares", "0.5,0.25,0.25", "--split-seed", "7"];
        var all = folder.File_("all.tsv");
        var distinct = Rows.Skip(1).Select((row, i) => $"{i} {row}").ToList();
        File.WriteAllText(all, string.Join('\n', distinct.Prepend(Rows[0])) + "\n");
        Peft.Run(
            [
                "train", "--base", folder.Model, "--method", "lora", "--data", all, "--out", folder.File_("of-shares"), "--max-steps", "2",
                "--compute", "fp32", "--seed", "5", .. cut,
            ])
            .Succeeds();
        var run = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.File_("of-shares"), "run.json")))!;
        Assert.Equal((44, 22), ((int)run["data"]!["train"]!["rows"]!, (int)run["data"]!["eval"]!["rows"]!));
        string[] model = ["--base", folder.Model, "--adapter", folder.File_("of-shares"), "--data", all];
        string[] Texts(string split) =>
            [
                .. Peft.Run(["predict", .. model, "--split", split, "--json", .. cut])
                    .Succeeds().Json
                    .AsArray()
                    .Select(r => r!["text"]!.ToString()),
            ];
        var parts = new[] { Texts("train"), Texts("validation"), Texts("test") };
        Assert.Equal(distinct.Select(r => r.Split('\t')[0]).Order(), parts.SelectMany(p => p).Order());
        Assert.Equal(
            (double)run["metrics"]!["loss"]!, (double)Peft.Run(["eval", .. model, "--json", .. cut]).Succeeds().Json["metrics"]!["loss"]!,
            5);
        Assert.Equal(
            [44, 22, 22], Peft.Run(["data", all, "--json", .. cut]).Succeeds().Json["parts"]!.AsArray().Select(p => (int)p!["rows"]!));
    }

    [Fact]
    public void Rows_Beyond_The_Memory_Train_From_Files_To_The_Same_Bits()
    {
        var large = folder.File_("large.tsv");
        File.WriteAllText(large, string.Join('\n', Enumerable.Range(0, 50_000).Select(i => Rows[1 + i % 64]).Prepend(Rows[0])) + "\n");
        string[] common = ["train", "--base", folder.Model, "--method", "lora", "--data", large, "--max-steps", "20", "--compute", "fp32"];
        Peft.Run([.. common, "--out", folder.File_("in-memory")]).Succeeds();
        Peft.Run([.. common, "--out", folder.File_("on-disk"), "--data-memory", "1", "--cache", folder.File_("cache")]).Succeeds();
        foreach (var (name, onDisk) in new[] { ("in-memory", false), ("on-disk", true) })
        {
            var train = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.File_(name), "run.json")))!["data"]!["train"]!;
            Assert.Equal((50_000, onDisk, onDisk), ((int)train["rows"]!, (bool)train["rows_on_disk"]!, (bool)train["tokens_on_disk"]!));
        }
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(folder.File_("in-memory"), "adapter_model.safetensors")),
            File.ReadAllBytes(Path.Combine(folder.File_("on-disk"), "adapter_model.safetensors")));
        Assert.Empty(Directory.GetFileSystemEntries(folder.File_("cache")));
    }

    [Theory]
    [InlineData("sst2", "negative", "positive", "SST-2")]
    [InlineData("sst2", "bad", "good", null)] // other labels: another task
    [InlineData("reviews", "negative", "positive", null)]
    public void Glue_In_Another_Format_Keeps_Its_Task(string name, string first, string second, string? task)
    {
        var data = Directory.CreateDirectory(folder.File_($"{first}/{name}")).FullName;
        foreach (var part in new[] { "train", "validation" })
            File.WriteAllText(Path.Combine(data, $"{part}-00000-of-00001.csv"), $"sentence,label\na,{first}\nb,{second}\n");
        Assert.Equal(task, new DataRequest(data).Load().Task?.Name);
    }

    [Fact]
    public void Stratified_Samples_Need_A_Size()
    {
        var json = Peft.Run("data", folder.Train, "--take", "10", "--stratified", "--json").Succeeds().Json["parts"]![0]!;
        Assert.Equal((10, 5), ((int)json["rows"]!, (int)json["labels"]!["negative"]!["rows"]!));
        Assert.Contains("--stratified goes with --take", Peft.Run("data", folder.Train, "--stratified").Fails(2));
    }

    [Theory]
    [InlineData("--split-shares is \"0.9,0.2\"; expected two or three numbers", 2, "--split-shares", "0.9,0.2")]
    [InlineData("makes 2 parts (train, validation)", 2, "--split-shares", "0.9,0.1", "--split", "test")]
    [InlineData("pictures are .png files", 2, "--plot", "x.jpg")]
    [InlineData("has no tokenizer", 1, "--base", "/")]
    public void Wrong_Wishes_Are_Refused(string expected, int code, params string[] args) =>
        Assert.Contains(expected, Peft.Run(["data", folder.Train, .. args]).Fails(code));

    [Fact]
    public void Wrong_Paths_Are_Refused()
    {
        Assert.Contains("nowhere does not exist", Peft.Run("data", "nowhere").Fails(1));
        Assert.Contains("fits no file", Peft.Run("data", folder.File_("*.jsonl")).Fails(1));
        Assert.Contains("holds no dataset file", Peft.Run("data", Directory.CreateDirectory(folder.File_("bare")).FullName).Fails(1));
    }
}
