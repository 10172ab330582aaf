using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Runs;

namespace PeftSharp.Tests.Cli;

/// <summary>Expressions of folders on the command line, and new adapters made of others.</summary>
public sealed class ComposeTests(CliFolder folder) : IClassFixture<CliFolder>
{
    private static readonly Lock Gate = new();

    [Fact]
    public void Predict_And_Eval_Take_Expressions_And_Answer_As_The_Library_Does()
    {
        var (a, b) = Adapters();
        foreach (var expression in (string[])[$"stack({a},{b})", $"average({a}:0.3,{b}:0.7)", $"split({a}:3,{b})"])
        {
            var said = Peft.Run("predict", "--base", folder.Model, "--adapter", expression, "--text", "the film is good", "--json")
                .Succeeds().Json[0]!;
            using var predictor = Predictor.Load(expression, folder.Model);
            var answer = predictor.Predict("the film is good");
            Assert.Equal(answer.Label, (string?)said["label"]);
        }
        var score =
            Peft.Run("eval", "--base", folder.Model, "--adapter", $"average({a},{a})", "--data", folder.Dev, "--json").Succeeds().Json;
        var alone = Peft.Run("eval", "--base", folder.Model, "--adapter", a, "--data", folder.Dev, "--json").Succeeds().Json;
        Assert.Equal((double)alone["metrics"]!["accuracy"]!, (double)score["metrics"]!["accuracy"]!, 1e-9);
    }

    [Fact]
    public void A_Saved_Composition_And_A_Named_Fusion_Are_Taken_As_Well()
    {
        var (a, b) = Adapters();
        using var loaded = LoadedModel.Open(folder.Model, $"stack({a},{b})");
        var names = loaded.Model.Adapters.Keys.ToList();
        var fusion = loaded.Model.AddFusion(names);
        loaded.Model.Describe(fusion, loaded.Card);
        AdapterFolder.Save(fusion, folder.File_("fusion"));
        AdapterSetup.Save(loaded.Model, fusion.Tag.Acts, folder.File_("setup"));
        string Answer(string adapter) =>
            Peft.Run("predict", "--base", folder.Model, "--adapter", adapter, "--text", "the book is dull", "--json").Succeeds().Output;
        Assert.Equal(Answer($"fuse[{folder.File_("fusion")}]({a},{b})"), Answer(folder.File_("setup")));
        var told = Peft.Run("info", folder.File_("fusion"), "--base", folder.Model, "--json").Succeeds().Json;
        Assert.Equal(("fusion", 2), ((string?)told["kind"], told["fuses"]!.AsArray().Count));
        string Fails(string adapter, int code = 1) =>
            Peft.Run("predict", "--base", folder.Model, "--adapter", adapter, "--text", "x").Fails(code);
        Assert.Contains("acts with its adapters alone", Fails(folder.File_("fusion")));
        Assert.Contains("needs the folder that holds it", Fails($"fuse({a},{b})"));
        Assert.Contains("holds no fusion", Fails($"fuse[{a}]({a},{b})"));
        Assert.Contains("expected", Fails($"stack({a},{b}"));
        Assert.Contains("does not exist", Fails($"stack({a},{folder.File_("none")})"));
        Peft.Run("analyze", "--base", folder.Model, "--adapter", $"stack({a},{b})").Succeeds();
        string[] extract = ["extract", "--base", folder.Model, "--adapter", $"stack({a},{b})", "--rank", "1", "--out", folder.File_("no")];
        Assert.Contains("one is wanted", Peft.Run(extract).Fails(2));
    }

    [Fact]
    public void Messages_Name_Folders_And_Tell_The_Next_Step()
    {
        var (a, b) = Adapters();
        folder.TrainTo("some-prefix", "--method", "prefix", "--epochs", "1", "--max-steps", "1").Succeeds();
        var pairs = folder.File_("pairs.tsv");
        File.WriteAllLines(pairs, ["sentence1\tsentence2\tlabel", "the film is good\tthe book is good\tyes", "a song\tthe play\tno"]);
        Peft.Run(
            "train", "--base", folder.Model, "--method", "pfeiffer", "--data", pairs, "--max-steps", "1", "--compute", "fp32", "--out",
            folder.File_("of-pairs")).Succeeds();
        string Fails(string adapter) =>
            Peft.Run("predict", "--base", folder.Model, "--adapter", adapter, "--text", "the film is good").Fails(1);
        var prefix = folder.File_("some-prefix");
        Assert.Contains("A prefix at ", Fails($"average({prefix},{a})"));
        Assert.Contains("split(some-prefix:3, neck-a) reaches", Fails($"split({prefix}:3,{a})"));
        Assert.Contains("begins with \"mean\", which is no way of acting together; see stack(a,b)", Fails($"mean({a},{b})"));
        Assert.Contains("--text holds single ones; give two texts for each row", Fails(folder.File_("of-pairs")));
    }

    [Fact]
    public void Combine_Convert_And_Merge()
    {
        var (c, d) = (Lora("c", 1), Lora("d", 2));
        var sum = folder.File_("sum");
        var made = Peft.Run("combine", "--base", folder.Model, "--adapter", $"stack({c},{d})", "--out", sum, "--json").Succeeds().Json;
        Assert.Equal(1, (double)made["energy"]!);
        var answers = Logits($"average({c},{d})", "mean");
        Peft.Run("combine", "--base", folder.Model, "--adapter", $"average({c},{d})", "--out", sum, "--overwrite").Succeeds();
        Close(answers, Logits(sum, "sum"));
        Peft.Run("verify", sum, "--base", folder.Model).Succeeds();
        Peft.Run("merge", "--base", folder.Model, "--adapter", $"average({c},{d})", "--out", folder.File_("merged")).Succeeds();
        Peft.Run(
            "predict", "--base", folder.File_("merged"), "--data", folder.Dev, "--logits", folder.File_("m.safetensors"), "--out",
            folder.File_("m.jsonl"))
            .Succeeds();
        Close(answers, Read("m.safetensors"));
        foreach (var how in (string[])["svd", "ties", "dare_linear", "dare_ties", "magnitude_prune"])
        {
            string[] options = ["--how", how, "--density", "0.5", "--weights", "1,0.5", "--head", c];
            Peft.Run(["combine", "--base", folder.Model, "--adapter", $"stack({c},{d})", .. options, "--out", folder.File_(how)])
                .Succeeds();
        }
        Peft.Run("convert", "--base", folder.Model, "--adapter", c, "--to", "lora", "--rank", "0.9999999", "--out", folder.File_("again"))
            .Succeeds();
        Close(Logits(c, "c"), Logits(folder.File_("again"), "again"), 1e-2);
        var (a, b) = Adapters();
        Peft.Run("convert", "--base", folder.Model, "--adapter", c, "--to", "adapterhub", "--out", folder.File_("hub")).Succeeds();
        Assert.True(File.Exists(Path.Combine(folder.File_("hub"), "adapter.safetensors")));
        Close(Logits(c, "c"), Logits(folder.File_("hub"), "hub"));
        Assert.Contains(
            "not a change of weights",
            Peft.Run("convert", "--base", folder.Model, "--adapter", a, "--to", "lora", "--rank", "2", "--out", folder.File_("no"))
                .Fails(1));
        Assert.Contains(
            "--how mean",
            Peft.Run("combine", "--base", folder.Model, "--adapter", $"stack({a},{b})", "--out", folder.File_("no")).Fails(1));
        Assert.Contains(
            "--head FOLDER",
            Peft.Run("combine", "--base", folder.Model, "--adapter", $"stack({c},{OtherLabels()})", "--out", folder.File_("no")).Fails(1));
        Assert.Contains("takes several", Peft.Run("combine", "--base", folder.Model, "--adapter", c, "--out", folder.File_("no")).Fails(2));
        Assert.Contains(
            "--how is \"x\"",
            Peft.Run("combine", "--base", folder.Model, "--adapter", $"stack({c},{d})", "--how", "x", "--out", folder.File_("no"))
                .Fails(2));
        Assert.Contains(
            "--weights names 1",
            Peft.Run("combine", "--base", folder.Model, "--adapter", $"stack({c},{d})", "--weights", "1", "--out", folder.File_("no"))
                .Fails(2));
        Assert.False(Path.Exists(folder.File_("no")));
    }

    // Two bottleneck adapters in AdapterHub's layout, by names of their own.
    private (string A, string B) Adapters()
    {
        var (a, b) = (folder.File_("neck-a"), folder.File_("neck-b"));
        lock (Gate)
        {
            foreach (var (path, seed) in (IEnumerable<(string, string)>)[(a, "1"), (b, "2")])
                if (!Directory.Exists(path))
                    folder.TrainTo(Path.GetFileName(path), "--method", "pfeiffer", "--seed", seed, "--epochs", "2").Succeeds();
        }
        return (a, b);
    }

    private string Lora(string name, int seed)
    {
        folder.TrainTo(name, "--method", "lora", "--set", $"r={seed + 1}", "--epochs", "2", "--seed", $"{seed}").Succeeds();
        return folder.File_(name);
    }

    private string OtherLabels()
    {
        var data = folder.File_("other-labels.tsv");
        File.WriteAllLines(data, ["sentence\tlabel", "the film is good\tyes", "the book is bad\tno"]);
        Peft.Run(
            "train", "--base", folder.Model, "--method", "lora", "--data", data, "--max-steps", "1", "--compute", "fp32", "--out",
            folder.File_("other-labels")).Succeeds();
        return folder.File_("other-labels");
    }

    private float[] Logits(string adapter, string name)
    {
        Peft.Run(
            "predict", "--base", folder.Model, "--adapter", adapter, "--data", folder.Dev, "--logits", folder.File_($"{name}.safetensors"),
            "--out", folder.File_($"{name}.jsonl"))
            .Succeeds();
        return Read($"{name}.safetensors");
    }

    private float[] Read(string name)
    {
        using var file = PeftSharp.Files.SafetensorsFile.Open(folder.File_(name));
        using var logits = file.Read("logits");
        return logits.data<float>().ToArray();
    }

    private static void Close(float[] expected, float[] found, double tolerance = 1e-4) =>
        Assert.Equal(expected, found, (a, b) => Math.Abs(a - b) <= tolerance);
}
