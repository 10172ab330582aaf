using System.Text.Json.Nodes;
using PeftSharp.Models;
using PeftSharp.Models.Heads;

namespace PeftSharp.Tests.Cli;

/// <summary>A proof on the command line: what does not belong together is refused before the first answer.</summary>
public sealed class VerifyTests(VerifyTests.Trained trained) : IClassFixture<VerifyTests.Trained>
{
    private const string Proof = "peft_proof.json";
    private readonly CliFolder _folder = trained.Folder;

    [Fact]
    public void A_trained_adapter_is_verified()
    {
        var result = Peft.Run("verify", _folder.File_("run"), "--base", _folder.Model).Succeeds();
        Assert.Contains("verified: ", result.Output);
        var json = Peft.Run("verify", _folder.File_("run"), "--base", _folder.Model, "--json").Succeeds().Json;
        Assert.True((bool)json["verified"]!);
        Assert.All(json["checks"]!.AsArray(), c => Assert.Equal("pass", c!["result"]!.ToString()));
        string[] names =
        [
            "adapter, settings", "base, samples", "base, every byte", "tokenizer", "probes, token ids", "probes, answers",
            "merged in memory, answers",
        ];
        Assert.Subset(json["checks"]!.AsArray().Select(c => c!["name"]!.ToString()).ToHashSet(), names.ToHashSet());
        var half = Peft.Run("verify", _folder.File_("run"), "--base", _folder.Model, "--compute", "bf16").Succeeds().Output;
        Assert.Contains("8 or 11 bits", half);
    }

    [Fact]
    public void The_proof_holds_no_text_of_the_training_data()
    {
        var texts = File.ReadLines(_folder.Train).Skip(1).Select(l => l.Split('\t')[0]);
        var proof = File.ReadAllText(Path.Combine(_folder.File_("run"), Proof));
        Assert.All(texts, text => Assert.DoesNotContain(text, proof));
    }

    [Fact]
    public void A_wrong_base_is_refused_by_every_verb_and_can_be_insisted_on()
    {
        var other = Copy(_folder.Model, "other-base");
        var bare = ModelLoader.Create(ModelConfig.Read(other), null, new ModelOptions { Task = TaskKind.Embedding, Seed = 5 });
        var config = File.ReadAllText(Path.Combine(other, "config.json"));
        ModelWriter.Write(bare, other);
        File.WriteAllText(Path.Combine(other, "config.json"), config);
        string[] model = ["--base", other, "--adapter", _folder.File_("run")];
        foreach (var line in (string[][])[["eval", .. model, "--data", _folder.Dev], ["predict", .. model, "--text", "a film"],
            ["merge", .. model, "--out", _folder.File_("never")]])
        {
            var error = Peft.Run(line).Fails(1);
            Assert.Contains($"{other} holds other weights than those that {_folder.File_("run")} was made on", error);
            Assert.EndsWith("or go on all the same with --no-verify.", error);
        }
        Assert.False(Directory.Exists(_folder.File_("never")));
        var forced = Peft.Run(["predict", .. model, "--text", "a film", "--no-verify"]).Succeeds();
        Assert.Contains("warning: ", forced.Error);
        Assert.Contains("probability", forced.Output);
        var verify = Peft.Run("verify", _folder.File_("run"), "--base", other);
        Assert.Equal(1, verify.ExitCode);
        Assert.Contains("not verified: 2 of ", verify.Output); // the samples, and the answers
    }

    [Fact]
    public void An_edited_scale_and_a_tokenizer_with_two_words_swapped_are_refused()
    {
        var edited = Copy(_folder.File_("run"), "edited");
        var file = Path.Combine(edited, "adapter_config.json");
        File.WriteAllText(file, File.ReadAllText(file).Replace("\"lora_alpha\": 8", "\"lora_alpha\": 64", StringComparison.Ordinal));
        Assert.Contains("\"lora_alpha\" is 64, but was 8 when the adapter was saved",
            Peft.Run("predict", "--base", _folder.Model, "--adapter", edited, "--text", "a film").Fails(1));

        var swapped = Copy(_folder.Model, "swapped");
        var words = File.ReadAllLines(Path.Combine(swapped, "vocab.txt"));
        (words[9], words[13]) = (words[13], words[9]); // good and bad
        File.WriteAllLines(Path.Combine(swapped, "vocab.txt"), words);
        Assert.Contains(
            "turns texts into other token ids",
            Peft.Run("predict", "--base", swapped, "--adapter", _folder.File_("run"), "--text", "a good film").Fails(1));
        var checks = Peft.Run("verify", _folder.File_("run"), "--base", swapped, "--json").Json["checks"]!.AsArray();
        Assert.Equal("fail", checks.Single(c => c!["name"]!.ToString() == "tokenizer")!["result"]!.ToString());
    }

    [Fact]
    public void A_merged_model_carries_the_answers_along_its_pooling_included()
    {
        foreach (var (pooling, type) in new[] { ("pooler", "float32"), ("mean", "bfloat16") })
        {
            var (adapter, merged) = (_folder.File_($"to-merge-{pooling}"), _folder.File_($"merged-{pooling}"));
            _folder.TrainTo($"to-merge-{pooling}", "--max-steps", "8", "--pooling", pooling).Succeeds();
            Peft.Run("merge", "--base", _folder.Model, "--adapter", adapter, "--out", merged, "--dtype", type).Succeeds();
            Assert.Contains("verified: ", Peft.Run("verify", merged).Succeeds().Output);
        }
        var weights = Path.Combine(_folder.File_("merged-mean"), "model.safetensors");
        var bytes = File.ReadAllBytes(weights);
        bytes[^1] ^= 0x40;
        File.WriteAllBytes(weights, bytes);
        Assert.Contains(
            "holds other weights than were written when it was merged",
            Peft.Run("predict", "--base", _folder.File_("merged-mean"), "--text", "a film").Fails(1));
    }

    [Fact]
    public void An_adapter_without_a_proof_loads_as_ever_and_can_be_given_one()
    {
        var plain = Copy(_folder.File_("run"), "plain");
        File.Delete(Path.Combine(plain, Proof));
        Assert.Empty(Peft.Run("predict", "--base", _folder.Model, "--adapter", plain, "--text", "a film").Succeeds().Error);
        Assert.Contains("--write", Peft.Run("verify", plain, "--base", _folder.Model).Fails(1));
        Peft.Run("verify", plain, "--base", _folder.Model, "--write").Succeeds();
        Peft.Run("verify", plain).Succeeds(); // the adapter names its base
        File.WriteAllText(Path.Combine(plain, Proof), "{");
        var damaged = Peft.Run("predict", "--base", _folder.Model, "--adapter", plain, "--text", "a film").Fails(1);
        Assert.Contains(Path.Combine(plain, Proof), damaged);
        Assert.Contains("remove it (the adapter works without), or write it anew with \"peft verify --write\"", damaged);
        Assert.Contains(
            "warning: ", Peft.Run("predict", "--base", _folder.Model, "--adapter", plain, "--text", "a film", "--force").Succeeds().Error);
    }

    [Fact]
    public void Training_in_4_bits_and_in_the_layout_of_AdapterHub_is_proved_too()
    {
        _folder.TrainTo("nf4-proof", "--quantize", "nf4", "--max-steps", "4").Succeeds();
        var json = Peft.Run("verify", _folder.File_("nf4-proof"), "--base", _folder.Model, "--json").Succeeds().Json;
        Assert.Contains("nf4/64", json["precision"]!.ToString());
        Peft.Run(
            "train", "--base", _folder.Model, "--method", "houlsby", "--data", _folder.Train, "--out", _folder.File_("hub"), "--max-steps",
            "4", "--compute", "bf16")
            .Succeeds();
        json = Peft.Run("verify", _folder.File_("hub"), "--base", _folder.Model, "--json").Succeeds().Json;
        Assert.Equal("fp32, weights F32", json["precision"]!.ToString()); // trained on rounded weights, proved on those of the file
    }

    private string Copy(string folder, string name)
    {
        var copy = Directory.CreateDirectory(_folder.File_(name)).FullName;
        foreach (var file in Directory.GetFiles(folder)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        return copy;
    }

    /// <summary>One run that all tests look at.</summary>
    public sealed class Trained : IDisposable
    {
        public Trained() => Folder.TrainTo("run", "--epochs", "5").Succeeds();

        public CliFolder Folder { get; } = new();

        public void Dispose() => Folder.Dispose();
    }
}
