using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;

namespace PeftSharp.Tests.Formats;

/// <summary>Settings of strangers beside small tensors: one sentence, before anything large is made.</summary>
public sealed class HostileAdapterTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("bert-lora", "r", "65536", "hold")]
    [InlineData("bert-lora", "r", "0", "whole number from 1")]
    [InlineData("bert-lora", "r", "-3", "whole number from 1")]
    [InlineData("bert-lora", "r", "2147483648", "$.r has a value of the wrong kind: 2147483648, expected a whole number up to")]
    [InlineData("bert-lora", "r", "8.5", "$.r has a value of the wrong kind: 8.5, expected a whole number")]
    [InlineData("bert-lora", "r", "\"8\"", "wrong kind: \"8\", expected a whole number")]
    [InlineData("bert-lora", "layer_replication", "[[0, 1], [0, 1]]", "\"layer_replication\" is [[0,1],[0,1]]; expected null")]
    [InlineData("bert-lora", "use_qalora", "true", "\"use_qalora\" is true; expected null")]
    [InlineData("bert-lora", "r", "null", "$.r")]
    [InlineData("bert-lora", "lora_alpha", "1e300", "number from -1000000")]
    [InlineData("bert-lora", "lora_dropout", "1e308", "probability")]
    [InlineData("bert-lora", "lora_dropout", "-1", "probability")]
    [InlineData("bert-lora", "rank_pattern", "{\"query\": 65536}", "hold")]
    [InlineData("bert-lora", "rank_pattern", "{\"query\": null}", "$.rank_pattern.query is null")]
    [InlineData("bert-lora", "rank_pattern", "[1]", "$.rank_pattern")]
    [InlineData("bert-lora", "alpha_pattern", "{\"query\": 1e300}", "number from -1000000")]
    [InlineData("bert-lora", "rank_pattern", "{\"(\": 4}", "not a regular expression")]
    [InlineData("bert-lora", "target_modules", "[null]", "$.target_modules[0] is null")]
    [InlineData("bert-lora", "target_modules", "{\"a\": 1}", "of the wrong kind")]
    [InlineData("bert-lora", "target_modules", "3", "of the wrong kind")]
    [InlineData("bert-lora", "target_modules", "\"[\"", "not a regular expression")]
    [InlineData("bert-lora", "modules_to_save", "[1]", "$.modules_to_save[0] has a value of the wrong kind: 1, expected a text")]
    [InlineData("bert-lora", "modules_to_save", "\"classifier\"", "wrong kind: \"classifier\", expected a list")]
    [InlineData("bert-lora", "trainable_token_indices", "{\"a\": null}", "$.trainable_token_indices.a is null")]
    [InlineData("bert-lora", "trainable_token_indices", "[-1]", "rows 0 to")]
    [InlineData("bert-lora", "peft_type", "3", "neither")]
    [InlineData("bert-lora", "use_dora", "\"yes\"", "wrong kind: \"yes\", expected true or false")]
    [InlineData("bert-prefix", "num_virtual_tokens", "65536", "hold")]
    [InlineData("bert-prefix-projection", "encoder_hidden_size", "1048576", "four times the base model")]
    [InlineData("bert-prompt", "num_virtual_tokens", "65536", "hold")]
    public void Peft(string name, string field, string value, string said)
    {
        Copy(name, json => json[field] = JsonNode.Parse(value));
        Refused(said);
    }

    [Theory]
    [InlineData("adapterhub-bert-seq-bn", "reduction_factor", "1e-320", "number from 0.001")]
    [InlineData("adapterhub-bert-seq-bn", "reduction_factor", "0.001", "hold")]
    [InlineData("adapterhub-bert-seq-bn", "reduction_factor", "{\"x\": 2}", "$.config.reduction_factor.x")]
    [InlineData("adapterhub-bert-seq-bn", "reduction_factor", "[]", "$.config.reduction_factor is a list")]
    [InlineData("adapterhub-bert-seq-bn", "scaling", "\"NaN\"", "scaling")]
    [InlineData("adapterhub-bert-seq-bn", "scaling", "\"Infinity\"", "scaling")]
    [InlineData("adapterhub-bert-seq-bn", "scaling", "1e300", "scaling")]
    [InlineData("adapterhub-bert-seq-bn", "leave_out", "[null]", "$.config.leave_out[0] is null")]
    [InlineData("adapterhub-bert-seq-bn", "leave_out", "[\"a\"]", "$.config.leave_out[0]")]
    [InlineData("adapterhub-bert-seq-bn", "leave_out", "3", "$.config.leave_out")]
    [InlineData("adapterhub-bert-seq-bn", "non_linearity", "3", "$.config.non_linearity is 3; expected a text")]
    [InlineData("adapterhub-bert-seq-bn", "use_gating", "1", "$.config.use_gating is 1; expected true or false")]
    [InlineData("adapterhub-bert-seq-bn", "bottleneck_size", "1048576", "hold")]
    [InlineData("adapterhub-bert-lora", "r", "65536", "hold")]
    [InlineData("adapterhub-bert-lora", "r", "1.5", "$.config.r is 1.5")]
    [InlineData("adapterhub-bert-lora", "attn_matrices", "[null]", "$.config.attn_matrices[0]")]
    [InlineData("adapterhub-bert-prefix", "prefix_length", "65536", "hold")]
    [InlineData("adapterhub-bert-prefix", "bottleneck_size", "1000000", "hold")]
    [InlineData("adapterhub-bert-prompt", "prompt_length", "65536", "hold")]
    [InlineData("adapterhub-bert-mam", "configs", "[3]", "$.config.configs[0] is 3; expected an object")]
    [InlineData("adapterhub-bert-mam", "configs", "{}", "$.config.configs is an object")]
    [InlineData("adapterhub-bert-mam", "configs", "[]", "at least one method")]
    public void AdapterHub(string name, string field, string value, string said)
    {
        Copy(name, json => json["config"]![field] = JsonNode.Parse(value));
        Refused(said);
    }

    [Fact]
    public void AdapterHub_For_A_Base_Of_Another_Width()
    {
        Copy("adapterhub-bert-seq-bn", json => json["hidden_size"] = 768);
        Refused("\"hidden_size\" is 768, but the model's hidden size is 32; give the base that the adapter was trained on");
    }

    [Fact]
    public void A_Pattern_That_Backtracks_Is_Matched_In_Linear_Time_Or_Refused_And_Many_Have_A_Limit_Together()
    {
        var patterns = new PathPatterns("LORA");
        var path = string.Concat(Enumerable.Repeat("bert.encoder.layer.0.", 50)) + "query";
        Assert.False(patterns.Find("rank_pattern", "^(([a-z._0-9])+.)+[A-Z]([a-z])+$", path).Success);
        Assert.Throws<PeftException>(() => patterns.Find("rank_pattern", @"^(([a-z._0-9])+.)+[A-Z]([a-z])+\1$", path));
        Assert.Contains("after 1000 others", Assert.Throws<PeftException>(() =>
        {
            for (var i = 0; i <= 1000; i++) patterns.Find("rank_pattern", $"a{i}", "a");
        }).Message);
        Assert.Contains(
            "characters", Assert.Throws<PeftException>(() => patterns.Find("rank_pattern", new string('a', 5000), "a")).Message);
    }

    [Theory]
    [InlineData("adapterhub-bert-double-seq-bn", "infinite-number.json")]
    [InlineData("adapterhub-bert-double-seq-bn", "wrong-kind.json")]
    [InlineData("adapterhub-bert-unipelt", "null-where-object.json")]
    [InlineData("adapterhub-bert-mam", "impossible-rank.json")]
    [InlineData("bert-lora", "bomb-rank.json")]
    [InlineData("bert-prefix", "bomb-prefix.json")]
    public void The_Collected_Ones_Are_Refused(string name, string file)
    {
        var hostile = TestPaths.RequireShared("hostile", "adapter", file);
        Copy(name, _ => { });
        File.Copy(hostile, _folder.File("adapter_config.json"), overwrite: true);
        Refused("");
    }

    [Fact]
    public void Labels_By_The_Hundred_Thousand_Are_No_Reason_To_Make_A_Head()
    {
        foreach (var path in Directory.GetFiles(TestPaths.Fixture("models", "bert"))) File.Copy(path, _folder.File(Path.GetFileName(path)));
        var json = JsonNode.Parse(File.ReadAllText(_folder.File("config.json")))!.AsObject();
        json["architectures"] = new JsonArray("BertForSequenceClassification");
        json["id2label"] = new JsonObject(Enumerable.Range(0, 600_000).Select(i => KeyValuePair.Create($"{i}", (JsonNode?)$"L{i}")));
        json.Remove("label2id");
        File.WriteAllText(_folder.File("config.json"), json.ToJsonString());
        Refusal.Sentence(() => ModelLoader.Load(_folder.Root), "config.json", "labels");
    }

    public void Dispose() => _folder.Dispose();

    private void Copy(string name, Action<JsonObject> change)
    {
        foreach (var path in Directory.GetFiles(TestPaths.Fixture("cases", name), "*adapter*"))
            File.Copy(path, _folder.File(Path.GetFileName(path)));
        foreach (var path in Directory.GetFiles(TestPaths.Fixture("cases", name), "*head*"))
            File.Copy(path, _folder.File(Path.GetFileName(path)));
        var json = JsonNode.Parse(File.ReadAllText(_folder.File("adapter_config.json")))!.AsObject();
        change(json);
        File.WriteAllText(_folder.File("adapter_config.json"), json.ToJsonString());
    }

    private void Refused(string said)
    {
        var peft = new PeftModel(
            ModelLoader.Load(
                TestPaths.Fixture("models", "bert"),
                new ModelOptions { Task = PeftSharp.Models.Heads.TaskKind.Classification, Labels = ["a", "b", "c"] }));
        Refusal.Sentence(() => AdapterFolder.Open(_folder.Root).LoadInto(peft), said);
        Assert.Empty(peft.Adapters);
    }
}
