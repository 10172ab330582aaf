using System.Text.Json.Nodes;
using PeftSharp.Runs.Proof;
using PeftSharp.Tests.Matrix;

namespace PeftSharp.Tests.Runs.Proof;

/// <summary>A proof is a file from a stranger: whatever it holds, it is read or refused in one sentence.</summary>
public sealed class HostileProofTests : IDisposable
{
    private readonly ProvedAdapter _proved = new("bert", "lora");

    private string FileName => Path.Combine(_proved.Adapter, AdapterProof.FileName);

    public void Dispose() => _proved.Dispose();

    [Fact]
    public void A_file_cut_short_anywhere_is_refused()
    {
        var text = File.ReadAllText(FileName);
        foreach (var share in (double[])[0, 0.01, 0.3, 0.5, 0.9, 0.999])
        {
            File.WriteAllText(FileName, text[..(int)(text.TrimEnd().Length * share)]);
            Refused(share == 0 ? "has no content" : "is not JSON at line");
        }
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("\"proof\"")]
    [InlineData("{\"version\": 1}")]
    [InlineData("{\"version\": \"one\"}")]
    [InlineData("{\"version\": 1e99}")]
    public void Other_json_is_refused(string text)
    {
        File.WriteAllText(FileName, text);
        Refused(AdapterProof.FileName);
    }

    [Theory]
    [InlineData("version", "2", "has the version 2")]
    [InlineData("probes", "null", "of the wrong kind")]
    [InlineData("probes", "[null]", "null in place of a probe")]
    [InlineData("probes", "[{\"input_ids\": [1.5]}]", "of the wrong kind")]
    [InlineData("probes", "[{\"input_ids\": [99999999999]}]", "of the wrong kind")]
    [InlineData("probes", "[{\"input_ids\": [1], \"logits\": [\"NaN\"]}]", "of the wrong kind")]
    [InlineData("base", "{\"config\": {}, \"weights\": {\"tensors\": {\"a\": null}, \"sha256\": \"\"}}", "null in place of")]
    [InlineData("base", "{\"config\": {}, \"weights\": {\"tensors\": {\"a\": {\"dtype\": 3}}, \"sha256\": \"\"}}", "of the wrong kind")]
    [InlineData("adapter", "\"none\"", "of the wrong kind")]
    [InlineData("precision", "null", "of the wrong kind")]
    public void A_field_of_the_wrong_type_is_refused(string field, string value, string expected)
    {
        Change(field, value);
        Refused(expected);
    }

    [Fact]
    public void Too_many_probes_too_large_a_file_and_too_deep_a_value_are_refused()
    {
        Change("probes", $"[{string.Join(',', Enumerable.Repeat("{\"input_ids\": [1]}", 65))}]");
        Refused("65 probes");
        File.WriteAllText(FileName, string.Concat(Enumerable.Repeat("{\"a\":", 1000)) + "1" + new string('}', 1000));
        Refused("deeper than 32");
        using (var file = File.Create(FileName)) file.SetLength(65L << 20);
        Refused("more than 67,108,864 bytes");
    }

    [Theory]
    [InlineData("[{\"input_ids\": []}]", "0 tokens")]
    [InlineData("[{\"input_ids\": [-1]}]", "token id -1")]
    [InlineData("[{\"input_ids\": [97]}]", "token id 97")]
    [InlineData("[{\"input_ids\": [2147483647], \"logits\": [1, 2, 3]}]", "token id 2147483647")]
    public void Probes_that_do_not_fit_the_model_never_reach_it(string probes, string expected)
    {
        Change("probes", probes);
        Refusal.Sentence(() => _proved.All(), expected);
        Change("probes", $"[{{\"input_ids\": [{string.Join(',', Enumerable.Repeat(1, 500))}]}}]");
        Refusal.Sentence(() => _proved.All(), "500 tokens");
    }

    [Fact]
    public void Names_and_hashes_that_mean_nothing_make_a_failed_check()
    {
        Change("base", """{"config": {"hidden_size": {"deep": [1]}}, "weights": {"tensors": {"../../etc/passwd": {"dtype": "F32","""
            + """ "shape": [-1], "digest": ""}}, "sha256": ""}}""");
        var failed = _proved.Quick().Where(c => c.Result == CheckResult.Fail).ToList();
        Assert.Equal(2, failed.Count);
        Assert.Contains("which is missing", failed[1].Sentence);
    }

    [Fact]
    public void Answers_that_are_too_few_or_too_far_off_fail()
    {
        var proof = JsonNode.Parse(File.ReadAllText(FileName))!;
        proof["probes"]![0]!["logits"]![0] = (double)proof["probes"]![0]!["logits"]![0]! + 0.01;
        File.WriteAllText(FileName, proof.ToJsonString());
        ProvedAdapter.Single(_proved.All(), CheckResult.Fail, "6 probes otherwise");
        proof["probes"]![0]!["logits"] = new JsonArray();
        File.WriteAllText(FileName, proof.ToJsonString());
        ProvedAdapter.Single(_proved.All(), CheckResult.Fail, "6 probes otherwise");
    }

    private void Change(string field, string value)
    {
        var proof = _proved.Proof;
        proof.Write(_proved.Adapter);
        var json = JsonNode.Parse(File.ReadAllText(FileName))!;
        json[field] = JsonNode.Parse(value);
        File.WriteAllText(FileName, json.ToJsonString());
    }

    private void Refused(string expected)
    {
        var message = Refusal.Sentence(() => AdapterProof.TryRead(_proved.Adapter), expected, FileName);
        Assert.Contains("remove it", message);
    }
}
