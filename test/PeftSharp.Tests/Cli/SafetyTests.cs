using System.Text.Json.Nodes;

namespace PeftSharp.Tests.Cli;

/// <summary>Nothing that a verb reads, or that others wrote, is lost to what it writes.</summary>
public sealed class SafetyTests : IDisposable
{
    private readonly CliFolder _folder = new();

    private string Adapter => _folder.File_("adapter");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_base_that_an_adapter_names_is_not_replaced_by_any_verb()
    {
        // A base that this program wrote, and would replace.
        var basis = _folder.File_("base");
        _folder.TrainTo("first", "--max-steps", "1").Succeeds();
        Peft.Run("merge", "--adapter", _folder.File_("first"), "--out", basis).Succeeds();
        Peft.Run(
            "train", "--base", basis, "--method", "lora", "--data", _folder.Train, "--out", Adapter, "--max-steps", "1", "--compute",
            "fp32")
            .Succeeds();
        var before = Snapshot();
        string[][] lines =
        [
            ["merge", "--adapter", Adapter, "--out", basis, "--overwrite"],
            ["merge", "--adapter", Adapter, "--out", Adapter, "--overwrite"],
            ["merge", "--adapter", Adapter, "--out", Path.Combine(basis, "merged")],
            ["extract", "--adapter", Adapter, "--rank", "2", "--out", basis, "--overwrite"],
            ["analyze", "--adapter", Adapter, "--out", basis, "--overwrite"],
            ["quantize", "--base", basis, "--out", basis, "--overwrite"],
            ["predict", "--adapter", Adapter, "--text", "a good film", "--logits", Path.Combine(basis, "model.safetensors")],
            ["predict", "--adapter", Adapter, "--text", "a good film", "--logits", Path.Combine(Adapter, "adapter_model.safetensors")],
            ["predict", "--adapter", Adapter, "--data", _folder.Dev, "--text-column", "sentence", "--out", _folder.Dev],
            ["predict", "--adapter", Adapter, "--text", "a good film", "--out", Path.Combine(Adapter, "new.tsv")],
        ];
        foreach (var line in lines) Assert.Contains("which this run reads", Peft.Run(line).Fails(2));
        Assert.Equal(before, Snapshot());
    }

    [Fact]
    public void Output_files_are_no_links_and_no_second_names_of_inputs()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links are made with ln.");
        _folder.TrainTo("adapter", "--max-steps", "1").Succeeds();
        var (link, hard) = (_folder.File_("link.tsv"), _folder.File_("hard.tsv"));
        File.CreateSymbolicLink(link, _folder.Dev);
        System.Diagnostics.Process.Start("ln", [_folder.Dev, hard]).WaitForExit();
        System.Diagnostics.Process.Start("mkfifo", [_folder.File_("pipe.tsv")]).WaitForExit();
        var before = File.ReadAllText(_folder.Dev);
        foreach (
            var (file, expected) in new[]
            {
                (link, "is a link to"),
                (hard, "which this run reads"),
                (_folder.File_("pipe.tsv"), "is a pipe or a device"),
            })
            Assert.Contains(
                expected,
                Peft.Run("predict", "--adapter", Adapter, "--data", _folder.Dev, "--text-column", "sentence", "--out", file).Fails(2));
        Assert.Equal(before, File.ReadAllText(_folder.Dev));
    }

    [Fact]
    public void A_project_with_a_config_and_a_repository_is_not_replaced()
    {
        var project = _folder.File_("project");
        foreach (var file in (string[])["config.json", "run.json", "adapter_config.json", ".git/HEAD", "src/main.py"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(project, file))!);
            File.WriteAllText(Path.Combine(project, file), "{}");
        }
        Assert.Contains("so it is not replaced", Peft.Run("quantize", "--base", _folder.Model, "--out", project, "--overwrite").Fails(2));
        Assert.Contains("so it is not replaced", _folder.TrainTo("project", "--overwrite").Fails(2));
        Assert.True(File.Exists(Path.Combine(project, "src/main.py")) && File.Exists(Path.Combine(project, ".git/HEAD")));
        Assert.DoesNotContain(_folder.Entries, e => e.StartsWith('.'));
    }

    [Fact]
    public void A_proof_that_is_written_anew_stays_the_programs_own()
    {
        _folder.TrainTo("adapter", "--max-steps", "1").Succeeds();
        Peft.Run("verify", Adapter, "--base", _folder.Model, "--write").Succeeds();
        _folder.TrainTo("adapter", "--max-steps", "1", "--overwrite").Succeeds();
    }

    [Theory]
    [InlineData("config.json", "config.json of the base")]
    [InlineData("model.safetensors", "weights of the base")]
    [InlineData("vocab.txt", "tokenizer of the base")]
    public void Another_base_is_refused_whatever_byte_of_it_is_another(string file, string expected)
    {
        var bench = new ResumeBench(_folder);
        bench.Cut("cut");
        var path = Path.Combine(_folder.Model, file);
        if (file == "config.json")
        {
            var config = JsonNode.Parse(File.ReadAllText(path))!;
            config["hidden_act"] = "relu";
            File.WriteAllText(path, config.ToJsonString());
        }
        else if (file == "vocab.txt") File.WriteAllText(path, File.ReadAllText(path).Replace("\na\n", "\nan\n"));
        else
        {
            // One weight, somewhere.
            var bytes = File.ReadAllBytes(path);
            bytes[^1001] ^= 1;
            File.WriteAllBytes(path, bytes);
        }
        var result = bench.Resume("cut");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains($"with {expected} SHA-256", result.Error);
    }

    private List<(string, string)> Snapshot() =>
        [
            .. Directory.GetFiles(_folder.Root, "*", SearchOption.AllDirectories)
                .Order()
                .Select(f => (f, Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f))))),
        ];
}
