using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Tests.Cli;

namespace PeftSharp.Tests.Docs;

/// <summary>The table of docs/verbs.md is what the program does.</summary>
public sealed class VerbsPageTests(CliFolder folder) : IClassFixture<CliFolder>
{
    [Theory]
    [InlineData("classification of texts, or pairs", TaskKind.Classification)]
    [InlineData("any number of labels for texts, or pairs", TaskKind.MultiLabel)]
    [InlineData("regression on texts, or pairs", TaskKind.Regression)]
    [InlineData("token classification", TaskKind.TokenClassification)]
    [InlineData("question answering", TaskKind.QuestionAnswering)]
    [InlineData("sentence vectors (no head)", TaskKind.Embedding)]
    public void Each_cell_is_what_the_program_does(string row, TaskKind task)
    {
        var table = File.ReadLines(TestPaths.RequireRepository("docs", "verbs.md")).Where(l => l.StartsWith('|'))
            .Select(l => l.Trim('|').Split('|', StringSplitOptions.TrimEntries)).ToList();
        var (verbs, said) = (table[0], table.Single(r => r[0] == row));
        var data = Rows(task);
        var adapter = Adapter(task, data);
        string[] model = ["--base", folder.Model, "--adapter", adapter];
        string Out(string verb) => folder.File_($"{task}-{verb}");
        Dictionary<string, string[]> lines = new()
        {
            ["eval"] = ["eval", .. model, "--data", data],
            ["predict"] = ["predict", .. model, "--text", "the film is good"],
            ["merge"] = ["merge", .. model, "--out", Out("merge")],
            ["verify"] = ["verify", adapter, "--base", folder.Model, "--write"],
            ["analyze"] = ["analyze", .. model],
            ["extract"] = ["extract", .. model, "--rank", "1", "--out", Out("extract")],
            ["quantize"] = ["quantize", "--base", Out("merge"), "--out", Out("quantize")],
            ["info"] = ["info", adapter, "--base", folder.Model],
        };
        for (var i = 1; i < verbs.Length; i++)
        {
            if (!lines.TryGetValue(verbs[i], out var line)) continue;
            var result = Peft.Run(line);
            if (said[i] == "yes") Assert.True(result.ExitCode == 0, $"{row}: {verbs[i]}: {result.Error}");
            else
            {
                Assert.Equal("no", said[i]);
                Assert.True(result.ExitCode != 0, $"{row}: {verbs[i]} succeeds");
                result.Fails(1);
            }
        }
        var trained = IsTrained(task) ? ("yes", "yes") : ("C#", "no");
        Assert.Equal(trained, (said[Array.IndexOf(verbs, "train")], said[Array.IndexOf(verbs, "compare")]));
    }

    [Fact]
    public void Every_verb_stands_on_the_page()
    {
        var page = File.ReadAllText(TestPaths.RequireRepository("docs", "verbs.md"));
        Assert.All(PeftSharp.Cli.CommandTree.Names, verb => Assert.Matches($"[| `]{verb}[| `]", page));
    }

    private static bool IsTrained(TaskKind task) => task is TaskKind.Classification or TaskKind.MultiLabel or TaskKind.Regression;

    private string Rows(TaskKind task)
    {
        if (task == TaskKind.MultiLabel)
        {
            var lists = folder.File_("lists.jsonl");
            File.WriteAllText(
                lists, "{\"text\":\"the film is good\",\"labels\":[\"a\",\"b\"]}\n{\"text\":\"a nice play\",\"labels\":[]}\n");
            return lists;
        }
        if (task != TaskKind.Regression) return folder.Dev;
        var file = folder.File_("scores.tsv");
        File.WriteAllText(file, "sentence\tlabel\nthe film is good\t0.75\nthe book is bad\t0.25\na nice play\t0.5\n");
        return file;
    }

    // Some tasks are trained by the program, the others are what a C# program leaves.
    private string Adapter(TaskKind task, string data)
    {
        var adapter = folder.File_($"{task}");
        if (IsTrained(task))
        {
            Peft.Run("train", "--base", folder.Model, "--method", "lora", "--data", data, "--out", adapter, "--max-steps", "1",
                "--compute", "fp32").Succeeds();
            return adapter;
        }
        var options = new ModelOptions { Task = task, Labels = task == TaskKind.TokenClassification ? ["O", "B", "I"] : null };
        var model = new PeftModel(ModelLoader.Load(folder.Model, options), folder.Model);
        AdapterFolder.Save(model.Add(new LoraOptions { Rank = 2 }), adapter, PeftSharp.Methods.AdapterFormat.Peft);
        return adapter;
    }
}
