using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Models;
using PeftSharp.Runs.Proof;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Runs.Proof;

/// <summary>An adapter proves itself, and nothing else passes for it.</summary>
public sealed class AdapterProofTests
{
    [Theory]
    [MemberData(nameof(MatrixCases.Core), MemberType = typeof(MatrixCases))]
    public void Every_method_proves_itself_from_its_files(string architecture, string method)
    {
        using var proved = new ProvedAdapter(architecture, method);
        Assert.All(proved.All(), c => Assert.True(c.Result == CheckResult.Pass, $"{c.Name}: {c.Sentence}"));
        Assert.NotEmpty(proved.Proof.Adapter!.Weights.Tensors);
        Assert.Equal(6, proved.Proof.Probes.Count);
        // Three classes; or numbers drawn from those of all places and words.
        Assert.All(proved.Proof.Probes, p => Assert.Equal(architecture == "t5" ? 64 : 3, p.Logits.Count));
    }

    [Fact]
    public void What_is_written_is_what_is_read()
    {
        using var proved = new ProvedAdapter("bert", "lora");
        var text = File.ReadAllText(Path.Combine(proved.Adapter, AdapterProof.FileName));
        AdapterProof.TryRead(proved.Adapter)!.Write(proved.Adapter);
        Assert.Equal(text, File.ReadAllText(Path.Combine(proved.Adapter, AdapterProof.FileName)));
        var json = JsonNode.Parse(text)!;
        Assert.Equal("fp32", json["precision"]!["compute"]!.ToString());
        Assert.StartsWith("2.10", json["made_by"]!["libtorch"]!.ToString());
        Assert.Null(AdapterProof.TryRead(proved.Base));
    }

    [Fact]
    public void An_adapter_on_another_base_is_refused_by_name_of_the_tensor()
    {
        using var proved = new ProvedAdapter("bert", "lora");
        using var other = Changed(proved.Base, "bert.encoder.layer.1.output.dense.weight", value => value.neg());
        ProvedAdapter.Single(
            proved.Quick(other.Root), CheckResult.Fail, "holds other weights", "1 of ", "encoder.layer.1.output.dense.weight");
    }

    [Fact]
    public void One_changed_number_between_the_samples_is_found_by_the_hash_of_every_byte()
    {
        using var proved = new ProvedAdapter("bert", "lora");
        using var other = Changed(proved.Base, "bert.encoder.layer.0.intermediate.dense.weight", value =>
        {
            value.view(-1)[100] += 1; // 56·32 numbers are sampled in blocks of 64: number 100 is between two
            return value;
        });
        Assert.All(proved.Quick(other.Root), c => Assert.Equal(CheckResult.Pass, c.Result));
        Assert.Contains(proved.All(other.Root), c => c.Name == "base, every byte" && c.Result == CheckResult.Fail);
    }

    [Theory]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float16)]
    public void The_same_base_in_another_precision_is_a_remark_with_a_wider_tolerance(ScalarType type)
    {
        using var proved = new ProvedAdapter("bert", "lora");
        using var half = new TempFolder();
        ModelWriter.Write(TinyModels.Create("bert"), half.Root, type);
        ProvedAdapter.Single(proved.Quick(half.Root), CheckResult.Note, "looks like the base", "rounding");
        var answers = proved.All(half.Root).Single(c => c.Name == "probes, answers");
        Assert.Equal(CheckResult.Pass, answers.Result);
        Assert.Contains("8 or 11 bits", answers.Expected);
    }

    [Fact]
    public void Frozen_weights_in_bfloat16_or_4_bits_are_the_same_base_on_disk()
    {
        using var proved = new ProvedAdapter("bert", "lora");
        foreach (var options in (ModelOptions[])[new() { Compute = ComputeType.BFloat16 }, new() { Quantize = new Nf4Options() }])
        {
            var checks = proved.All(options: options);
            Assert.All(
                checks.Where(c => c.Name.StartsWith("base", StringComparison.Ordinal)), c => Assert.Equal(CheckResult.Pass, c.Result));
            Assert.Contains(options.Quantize is null ? "8 or 11 bits" : "4 bits", checks.Single(c => c.Name == "probes, answers").Expected);
        }
    }

    [Fact]
    public void An_edited_scale_is_named_with_both_values()
    {
        using var proved = new ProvedAdapter("bert", "lora");
        var file = Path.Combine(proved.Adapter, "adapter_config.json");
        var config = JsonNode.Parse(File.ReadAllText(file))!;
        config["lora_alpha"] = 16;
        config["lora_dropout"] = 0.3; // bears on training alone
        File.WriteAllText(file, config.ToJsonString());
        ProvedAdapter.Single(proved.Quick(), CheckResult.Fail, "\"lora_alpha\" is 16, but was 8");
        Refusal.Sentence(() => new ProofVerifier(proved.Proof, proved.Adapter, proved.Base).Require(null), "\"lora_alpha\" is 16");
    }

    [Fact]
    public void Swapped_weights_are_refused_although_every_shape_fits()
    {
        using ProvedAdapter proved = new("bert", "lora"), other = new("bert", "bitfit"), third = new("bert", "lora");
        var weights = Path.Combine(proved.Adapter, "adapter_model.safetensors");
        using (var file = SafetensorsFile.Open(Path.Combine(third.Adapter, "adapter_model.safetensors")))
        {
            using var scope = NewDisposeScope();
            SafetensorsWriter.Write(weights, [.. file.Tensors.Keys.Select(k => KeyValuePair.Create(k, file.Read(k) * 1.0001f))]);
        }
        ProvedAdapter.Single(
            proved.Quick(), CheckResult.Fail, "adapter_model.safetensors holds other weights than when the adapter was saved");
        File.Copy(Path.Combine(other.Adapter, "adapter_model.safetensors"), weights, overwrite: true);
        ProvedAdapter.Single(proved.Quick(), CheckResult.Fail, "which is missing");
    }

    [Fact]
    public void A_configuration_that_changes_the_arithmetic_is_named()
    {
        using var proved = new ProvedAdapter("bert", "lora");
        using var other = Copy(proved.Base);
        var config = JsonNode.Parse(File.ReadAllText(other.File("config.json")))!;
        config["num_attention_heads"] = 2; // no shape tells
        config["hidden_dropout_prob"] = 0.5;
        File.WriteAllText(other.File("config.json"), config.ToJsonString());
        ProvedAdapter.Single(proved.Quick(other.Root), CheckResult.Fail, "\"num_attention_heads\" is 2", "base with 4");
    }

    private static TempFolder Copy(string folder)
    {
        var copy = new TempFolder();
        foreach (var file in Directory.GetFiles(folder)) File.Copy(file, copy.File(Path.GetFileName(file)));
        return copy;
    }

    private static TempFolder Changed(string folder, string tensor, Func<Tensor, Tensor> change)
    {
        using var scope = NewDisposeScope();
        var copy = Copy(folder);
        using var file = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        SafetensorsWriter.Write(
            copy.File("model.safetensors"),
            [.. file.Tensors.Keys.Select(k => KeyValuePair.Create(k, k == tensor ? change(file.Read(k).clone()) : file.Read(k)))]);
        return copy;
    }
}
