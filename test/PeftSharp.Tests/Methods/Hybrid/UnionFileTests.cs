using System.Text.Json.Nodes;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Partial.BitFit;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;

namespace PeftSharp.Tests.Methods.Hybrid;

/// <summary>Files of unions in the layout of ours, as strangers may write them.</summary>
public sealed class UnionFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("null", "UNION")]
    [InlineData("[]", "at least one method")]
    [InlineData("{}", "parts")]
    [InlineData("[null]", "$.parts[0] is null")]
    [InlineData("[3]", "parts")]
    [InlineData("[{}]", "parts")]
    [InlineData("""[{ "peft_type": "NOPE" }]""", "parts")]
    [InlineData("""[{ "peft_type": "LORA", "r": "many" }]""", "adapter_config.json")]
    [InlineData("""[{ "peft_type": "LORA", "r": 0 }]""", "\"r\" is 0")]
    [InlineData("""[{ "peft_type": "LORA", "r": 65536, "target_modules": "all-linear" }]""", "hold")]
    [InlineData("""[{ "peft_type": "UNION" }]""", "a union in a union")]
    [InlineData("""[{ "peft_type": "BITFIT" }]""", "no place")]
    public void What_They_Say_Is_Refused_In_One_Sentence(string parts, string said)
    {
        using (var bench = new Bench("bert"))
        {
            var lora = new LoraOptions { TargetModules = new("all-linear") };
            var union = new UnionOptions { Parts = [lora, new BitFitOptions(), new BottleneckOptions()] };
            AdapterFolder.Save(bench.Add(union), _folder.Root, AdapterFormat.Peft);
        }
        var file = _folder.File("adapter_config.json");
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(file))!;
        json["parts"] = JsonNode.Parse(parts);
        File.WriteAllText(file, json.ToJsonString());
        using var fresh = new Bench("bert");
        Refusal.Of(fresh, () => AdapterFolder.Open(_folder.Root).LoadInto(fresh.Peft), said);
    }

    public void Dispose() => _folder.Dispose();
}
