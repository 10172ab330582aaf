using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Prompt;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;

namespace PeftSharp.Tests.Formats;

/// <summary>Adapters as other programs, versions and settings leave them: read as they were meant, or refused.</summary>
public sealed class SavedElsewhereTests : IDisposable
{
    private const string Config = "adapter_config.json";

    private readonly TempFolder _folder = new();
    private readonly Bench _bench = new("bert"), _fresh = new("bert");

    [Theory]
    [InlineData("prompt", "prompt_tuning_init", "\"TEXT\"", "prompt_tuning_init_text", "\"Classify this:\"")]
    [InlineData("prompt", "prompt_tuning_init", "\"SAMPLE_VOCAB\"", "prompt_tuning_init_text", "null")]
    [InlineData("lora", "init_lora_weights", "\"eva\"", "eva_config", "{\"rho\": 2.0}")]
    [InlineData("lora", "init_lora_weights", "\"Gaussian\"", "lora_dropout", "0.1")]
    [InlineData("lora", "layers_to_transform", "[]", "layers_pattern", "\"\"")]
    [InlineData("lora", "layers_to_transform", "[0, 1]", "layers_pattern", "[]")]
    [InlineData("lora", "layers_to_transform", "[0, 1]", "layers_pattern", "[\"lay.r\", \"h\"]")]
    public void However_It_Started_It_Is_Loaded(string method, string field, string value, string other, string otherValue)
    {
        var adapter = Trained(method);
        Edit(json => (json[field], json[other]) = (JsonNode.Parse(value), JsonNode.Parse(otherValue)));
        Bits.AssertSame(_bench.Logits(adapter), _fresh.Logits(AdapterFolder.Open(_folder.Root).LoadInto(_fresh.Peft)), "The output");
    }

    [Theory]
    [InlineData("init_lora_weights", "\"pissa_niter_16\"", "path_initial_model_for_weight_conversion")]
    [InlineData("init_lora_weights", "\"olora\"", "path_initial_model_for_weight_conversion")]
    [InlineData("init_lora_weights", "\"loftq\"", "init_lora_weights")]
    [InlineData("rank_pattern", "{\"(\": 4}", "regular expression")]
    [InlineData("rank_pattern", "{\"(a|b|[a-z.])+)+x\": 4}", "regular expression")]
    [InlineData("alpha_pattern", "{\"(([a-z.0-9_]+)+)+\\\\1!\": 4}", "too long")]
    public void What_It_Cannot_Mean_Is_Refused(string field, string value, string message)
    {
        Trained("lora");
        Edit(json => json[field] = JsonNode.Parse(value));
        Refusal.Of(_fresh, () => AdapterFolder.Open(_folder.Root).LoadInto(_fresh.Peft), message);
    }

    [Fact]
    public void New_Adapters_Do_Not_Start_From_What_Is_Missing()
    {
        Refusal.Of(
            _bench, () => _bench.Peft.Add(new LoraOptions { InitLoraWeights = JsonDocument.Parse("\"corda\"").RootElement }),
            "init_lora_weights");
        Refusal.Of(_bench, () => _bench.Peft.Add(new PromptOptions { Init = "TEXT", InitText = "Hello" }), "token ids");
    }

    [Fact]
    public void A_Text_Start_Repeats_The_Words_Vectors()
    {
        var options = (PromptOptions)new PromptOptions
        {
            Init = "TEXT",
            InitText = "Hello",
            VirtualTokens = 5,
        }.WithTokens(text => text == "Hello" ? [1, 7, 2] : []);
        var prompt = _bench.Peft.Add(options).Tensors[0].Value;
        var words = _bench.Sites.Embeddings[0].Table.Base;
        Bits.AssertSame(words.index_select(0, TorchSharp.torch.tensor(new long[] { 1, 7, 2, 1, 7 })), prompt, "The start");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Layers_That_AdapterHub_Leaves_Out_Have_No_Update(bool lora)
    {
        var config = (JsonObject)JsonNode.Parse(lora
            ? """{ "architecture": "lora", "composition_mode": "add", "r": 4, "leave_out": [0] }"""
            : """{ "mh_adapter": true, "output_adapter": true, "reduction_factor": 4, "leave_out": [0] }""")!;
        var adapter = _bench.Peft.Add(MethodRegistry.FromAdapterHub(config, Config), "some");
        Assert.NotEmpty(adapter.Tensors);
        Assert.DoesNotContain(adapter.Tensors, t => t.Path.Contains("layer.0.", StringComparison.Ordinal));
        _bench.Train(adapter);
        AdapterFolder.Save(adapter, _folder.Root, AdapterFormat.AdapterHub);
        Assert.Equal(0, (int)JsonNode.Parse(File.ReadAllText(_folder.File(Config)))!["config"]!["leave_out"]![0]!);
        Bits.AssertSame(_bench.Logits(adapter), _fresh.Logits(AdapterFolder.Open(_folder.Root).LoadInto(_fresh.Peft)), "The output");
    }

    // In adapters.1.0 alpha was read and not used; in what came before it had no version and another gelu.
    [Theory]
    [InlineData("adapters.1.0.1", 8)]
    [InlineData("adapters.1.1.0.dev1", 2)]
    [InlineData("adapters.1.2.0", 2)]
    [InlineData(null, 2)]
    public void Older_Versions_Are_Read_As_They_Were_Trained(string? version, double alpha)
    {
        WriteHub($$"""{ "architecture": "lora", "composition_mode": "add", "r": 8, "alpha": 2 }""", version);
        Assert.Equal(alpha, ((LoraOptions)AdapterFolder.Open(_folder.Root).Options).Alpha);
        WriteHub("""{ "mh_adapter": false, "output_adapter": true, "reduction_factor": 16, "non_linearity": "gelu" }""", version);
        Assert.Equal(
            version is null ? "gelu_new" : "gelu",
            ((PeftSharp.Methods.Additive.Bottleneck.BottleneckOptions)AdapterFolder.Open(_folder.Root).Options).NonLinearity);
    }

    [Theory]
    [InlineData("""{ "architecture": "lora", "composition_mode": "add", "r": 8, "vera_d": 0.1, "vera_b": 0.0 }""")]
    [InlineData("""{ "architecture": "prefix_tuning", "encoder_prefix": false }""")]
    public void Methods_That_Only_Look_Like_Ours_Are_Refused(string config)
    {
        WriteHub(config, "adapters.1.2.0");
        Assert.Throws<PeftException>(() => AdapterFolder.Open(_folder.Root));
    }

    [Theory]
    [InlineData("output")]
    [InlineData("adapters")]
    [InlineData("0")]
    [InlineData("loras")]
    public void A_Name_That_Modules_Have_Too_Can_Be_Changed(string name)
    {
        foreach (var method in (string[])["houlsby", "unipelt", "prefix_tuning_flat"])
        {
            var adapter = _bench.Add(method, name);
            _bench.Train(adapter);
            AdapterFolder.Save(adapter, _folder.Root, AdapterFormat.AdapterHub);
            Bits.AssertSame(
                _bench.Logits(adapter), _fresh.Logits(AdapterFolder.Open(_folder.Root).LoadInto(_fresh.Peft, "other")), "The output");
            _bench.Peft.Remove(name);
            _fresh.Peft.Remove("other");
        }
    }

    [Fact]
    public void Nothing_Of_An_Earlier_Adapter_Stays()
    {
        File.WriteAllText(_folder.File("notes.txt"), "mine");
        File.WriteAllText(_folder.File("peft_proof.json"), "{}");
        AdapterFolder.Save(_bench.Add("prefix-projection", "a"), _folder.Root, AdapterFormat.Peft);
        Assert.Equal(["adapter_config.json", "adapter_encoder.safetensors", "adapter_model.safetensors", "notes.txt"], Names());
        AdapterFolder.Save(_bench.Add("houlsby", "b"), _folder.Root, AdapterFormat.AdapterHub);
        Assert.Equal(["adapter.safetensors", "adapter_config.json", "head_config.json", "model_head.safetensors", "notes.txt"], Names());
        AdapterFolder.Save(_bench.Add("lora", "c"), _folder.Root, AdapterFormat.Peft);
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors", "notes.txt"], Names());
    }

    [Theory]
    [InlineData("layers_to_transform", "[1]")]
    [InlineData("alpha_pattern", "{\"query\": 3}")]
    [InlineData("lora_bias", "true")]
    [InlineData("exclude_modules", "[\"value\"]")]
    public void What_AdapterHub_Cannot_Say_Is_Not_Left_Out_In_Silence(string field, string value)
    {
        var options = JsonSerializer.Deserialize<LoraOptions>($$"""{ "{{field}}": {{value}} }""")!;
        var adapter = _bench.Peft.Add(options);
        Refusal.Of(_bench, () => AdapterFolder.Save(adapter, _folder.Root, AdapterFormat.AdapterHub), "save in the peft format");
    }

    public void Dispose()
    {
        _bench.Dispose();
        _fresh.Dispose();
        _folder.Dispose();
    }

    private PeftMethod Trained(string method)
    {
        var adapter = _bench.Add(method);
        _bench.Train(adapter);
        AdapterFolder.Save(adapter, _folder.Root, AdapterFormat.Peft);
        return adapter;
    }

    private void Edit(Action<JsonObject> change)
    {
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(_folder.File(Config)))!;
        change(json);
        File.WriteAllText(_folder.File(Config), json.ToJsonString());
    }

    private void WriteHub(string config, string? version)
    {
        var json = new JsonObject { ["name"] = "old", ["config"] = JsonNode.Parse(config) };
        if (version is not null) json["version"] = version;
        File.WriteAllText(_folder.File(Config), json.ToJsonString());
    }

    private IEnumerable<string?> Names() => Directory.GetFiles(_folder.Root).Select(Path.GetFileName).Order(StringComparer.Ordinal);
}
