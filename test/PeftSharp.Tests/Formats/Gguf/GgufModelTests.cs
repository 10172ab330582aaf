using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Files.Gguf;
using PeftSharp.Formats;
using PeftSharp.Formats.Gguf;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Formats.Gguf;

/// <summary>Models and adapters written as GGUF and read again. What llama.cpp makes of them is tested beside it
/// (PeftSharp.LlamaTests).</summary>
public sealed class GgufModelTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("llama-linear")]
    [InlineData("llama-yarn")]
    [InlineData("qwen2")]
    [InlineData("qwen3")]
    [InlineData("gemma")]
    [InlineData("gemma2")]
    [InlineData("phi3")]
    [InlineData("gpt2")]
    [InlineData("falcon")]
    [InlineData("falcon7b")]
    public void A_Model_Comes_Back_As_It_Was(string name)
    {
        using var model = ModelLoader.Load(TestPaths.Fixture("models", name));
        GgufModel.Write(model, File_("model.gguf"), GgufQuantization.F32);
        using var again = ModelLoader.Load(File_("model.gguf"));
        Assert.Equal(TaskKind.CausalLanguage, again.Head.Kind);
        Assert.Equal(model.Sites.Slots.Select(slot => slot.Name), again.Sites.Slots.Select(slot => slot.Name));
        var (expected, found) = (Logits(model), Logits(again));
        // Its numbers are kept in 32 bits, base and epsilon among them.
        Assert.True((expected - found).abs().max().item<float>() <= 1e-5 * expected.abs().max().item<float>());
        foreach (var (before, after) in model.Sites.Slots.Zip(again.Sites.Slots))
        {
            // Gemma's norms are kept with 1 added, which rounds them.
            var tolerance = name.StartsWith("gemma", StringComparison.Ordinal) && before.Kind == SlotKind.NormWeight ? 1e-6 : 0;
            Assert.True((before.Copy() - after.Copy()).abs().max().item<float>() <= tolerance, before.Name);
        }
    }

    // With a gate and without, its output scaled or not: a file has the output as it is computed.
    [Theory]
    [InlineData("t5", true)]
    [InlineData("t5v1", true)]
    [InlineData("t5", false)]
    [InlineData("t5v1", false)]
    public void T5_Comes_Back_As_It_Was(string name, bool tied)
    {
        var config = ModelConfig.Read(TestPaths.Fixture("models", name)).Clone();
        if (!tied) (config.Json["tie_word_embeddings"], config.Json["scale_decoder_outputs"]) = (false, name == "t5v1");
        config.Json["num_decoder_layers"] = 3;
        using var model = ModelLoader.Create(config, null, new() { Task = TaskKind.SequenceToSequence });
        GgufModel.Write(model, File_("model.gguf"), GgufQuantization.F32);
        using var again = ModelLoader.Load(File_("model.gguf"));
        Assert.Equal(TaskKind.SequenceToSequence, again.Head.Kind);
        Assert.Equal(model.Sites.Slots.Select(slot => slot.Name).Where(slot => slot != "lm_head.weight"),
            again.Sites.Slots.Select(slot => slot.Name).Where(slot => slot != "lm_head.weight"));
        var (expected, found) = (Logits(model), Logits(again));
        Assert.True((expected - found).abs().max().item<float>() <= 1e-5 * expected.abs().max().item<float>());
        Assert.Equal(3, again.Config.Int("num_decoder_layers", 0));
        var adapter = AdapterFolder.Open(TestPaths.Fixture("cases", "t5-lora"));
        GgufAdapter.Write(adapter, config, File_("adapter.gguf"));
        using var written = GgufFile.Open(File_("adapter.gguf"));
        Assert.Contains("dec.blk.1.cross_attn_v.weight.lora_b", written.Tensors.Keys);
        Assert.Contains("enc.blk.0.attn_q.weight.lora_a", written.Tensors.Keys);
    }

    [Fact]
    public void The_Stretching_Of_Llama_3_Is_A_Table_And_Is_Known_Again()
    {
        var config = Tiny(96);
        config.Json["rope_parameters"] = System.Text.Json.Nodes.JsonNode.Parse(
            """{ "rope_theta": 500000.0, "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,"""
                + """ "original_max_position_embeddings": 8192 }""");
        config.Json["head_dim"] = 64;
        using var model = ModelLoader.Create(config, null, new());
        GgufModel.Write(model, File_("model.gguf"), GgufQuantization.F32);
        using var again = ModelLoader.Load(File_("model.gguf"));
        var rotary = again.Config.Json["rope_parameters"]!;
        Assert.Equal(("llama3", 8.0, 8192.0),
            (rotary["rope_type"]!.GetValue<string>(), rotary["factor"]!.GetValue<double>(),
            rotary["original_max_position_embeddings"]!.GetValue<double>()));
        Assert.True((Logits(model) - Logits(again)).abs().max().item<float>() <= 1e-5);
        using var other = ModelLoader.Load(TestPaths.Fixture("models", "llama3"));
        GgufModel.Write(other, File_("model.gguf"), GgufQuantization.F32);
        Assert.Contains("which is not that of Llama 3.1", Assert.Throws<PeftException>(() => ModelLoader.Load(File_("model.gguf")))
            .Message);
    }

    [Fact]
    public void An_Adapter_Is_Named_And_Scaled_As_Llama_Cpp_Reads_It()
    {
        var folder = AdapterFolder.Open(TestPaths.Fixture("cases", "llama-lora"));
        var config = ModelConfig.Read(TestPaths.Fixture("models", "llama"));
        GgufAdapter.Write(folder, config, File_("adapter.gguf"));
        using var written = GgufFile.Open(File_("adapter.gguf"));
        using var saved = SafetensorsFile.Open(folder.WeightsFile);
        Assert.Equal("adapter", written.Metadata.Text("general.type"));
        Assert.Equal("lora", written.Metadata.Text("adapter.type"));
        Assert.Equal("llama", written.Architecture);
        Assert.Equal(saved.Tensors.Count, written.Tensors.Count);
        Assert.All(written.Tensors.Keys, name => Assert.Matches(@"^blk\.\d\.(attn_[qkv]|attn_output|ffn_\w+)\.weight\.lora_[ab]$", name));
        var options = (LoraOptions)folder.Options;
        Assert.Equal(options.Alpha, written.Metadata.Number("adapter.lora.alpha"));
    }

    // Every number of the metadata, replaced by others: the model is read, or one sentence names the file.
    [Theory]
    [InlineData("gpt2")]
    [InlineData("falcon")]
    [InlineData("falcon7b")]
    [InlineData("t5")]
    [InlineData("llama")]
    public void Numbers_That_Lie_Are_Read_Or_Refused_In_One_Sentence(string name)
    {
        using (var model = ModelLoader.Load(TestPaths.Fixture("models", name))) GgufModel.Write(model, File_("good.gguf"));
        var good = File.ReadAllBytes(File_("good.gguf"));
        string[] keys;
        using (var file = GgufFile.Open(File_("good.gguf")))
            keys = [.. file.Metadata.Values.Where(v => v.Value is long or double).Select(v => v.Key)
                .Where(key => !key.StartsWith("general.", StringComparison.Ordinal))];
        Assert.True(keys.Length >= 7);
        var refused = 0;
        foreach (var key in keys)
            foreach (var lie in (uint[])[0, 1, 3, 5, 1000, 1u << 20, 1u << 31, uint.MaxValue, 0x7FC00000])
            {
                var bytes = (byte[])good.Clone();
                var text = System.Text.Encoding.UTF8.GetBytes(key);
                // Its length, itself, the type, then the value.
                var at = bytes.AsSpan().IndexOf([.. BitConverter.GetBytes((ulong)text.Length), .. text]) + 8 + text.Length + 4;
                BitConverter.TryWriteBytes(bytes.AsSpan(at), lie);
                File.WriteAllBytes(File_("bad.gguf"), bytes);
                try
                {
                    ModelLoader.Load(File_("bad.gguf")).Dispose();
                }
                catch (PeftException e)
                {
                    refused++;
                    var isSentence = e.Message.Contains("bad.gguf", StringComparison.Ordinal) && e.Message.EndsWith('.');
                    Assert.True(isSentence, $"{key} = {lie}: {e.Message}");
                }
            }
        Assert.True(refused > keys.Length, $"{refused} were refused");
    }

    // A row moves with what it belongs to, and back: every one once.
    [Theory]
    [InlineData(8, 2, 4)]
    [InlineData(4, 1, 6)]
    [InlineData(6, 6, 2)]
    public void Rows_In_Groups_Stand_One_Kind_After_The_Other(int heads, int groups, int width)
    {
        var each = heads / groups;
        var rows = (heads + 2 * groups) * width;
        // What Hugging Face's row is: kind, head, number.
        var theirs = Enumerable.Range(0, groups).SelectMany(group => Enumerable.Range(0, each).Select(i => ("q", group * each + i))
            .Append(("k", group)).Append(("v", group))).SelectMany(head => Enumerable.Range(0, width).Select(at => (head, at))).ToArray();
        var file = GgufRows.Grouped(rows, heads, groups, toFile: true).Select(row => theirs[row]).ToArray();
        Assert.Equal(theirs.OrderBy(row => "qkv".IndexOf(row.head.Item1)).ThenBy(row => row.head.Item2).ThenBy(row => row.at), file);
        Assert.Equal(theirs, GgufRows.Grouped(rows, heads, groups, toFile: false).Select(row => file[row]));
        Assert.Empty(GgufRows.Grouped(rows + 1, heads, groups, toFile: true));
    }

    [Theory]
    [InlineData("bert-lora", "the architecture \"bert\" can't be written as GGUF; supported are llama")]
    [InlineData("opt-lora", "the architecture \"opt\" can't be written as GGUF, for llama.cpp knows no OPT; supported are llama")]
    [InlineData("llama-prefix", "holds PREFIX_TUNING, and a GGUF adapter is a plain LoRA")]
    public void What_Has_No_Place_Is_Refused(string name, string message)
    {
        var folder = AdapterFolder.Open(TestPaths.Fixture("cases", name));
        var config = ModelConfig.Read(TestPaths.Fixture("models", name.Split('-')[0]));
        Assert.Contains(message, Assert.Throws<PeftException>(() => GgufAdapter.Write(folder, config, File_("a.gguf"))).Message);
        Assert.False(File.Exists(File_("a.gguf")));
    }

    [Theory]
    [InlineData("mistral", """{ }""", "has a sliding window of 6 tokens")]
    [InlineData("llama", """{ "hidden_act": "relu" }""", "has the activation \"relu\"")]
    [InlineData("gemma2", """{ "query_pre_attn_scalar": 9 }""", "has the \"query_pre_attn_scalar\" 9, where 16 is taken for granted")]
    [InlineData("gemma2", """{ "layer_types": ["full_attention", "sliding_attention"] }""",
        "has its windows in other layers than every second")]
    [InlineData("gemma", """{ "attention_bias": true }""", "has a bias \"model.layers.0.self_attn.q_proj.bias\"")]
    [InlineData("t5", """{ "relative_attention_max_distance": 64 }""", "has the \"relative_attention_max_distance\" 64, where 128")]
    [InlineData("t5v1", """{ "feed_forward_proj": "gelu", "dense_act_fn": "gelu" }""", "has the activation \"gelu\" without a gate")]
    [InlineData("falcon-alibi", """{ }""", "says positions by ALiBi")]
    [InlineData("falcon7b", """{ "parallel_attn": false }""", "has its branches one behind the other")]
    [InlineData("falcon", """{ "bias": true }""", "has a bias \"transformer.h.0.self_attention.query_key_value.bias\"")]
    [InlineData("gpt2", """{ "activation_function": "relu" }""", "has the activation \"relu\"")]
    [InlineData("gpt2", """{ "scale_attn_weights": false }""", "does not scale its scores")]
    [InlineData("llama-dynamic", """{ }""", "the rotary type \"dynamic\" has no place in GGUF")]
    public void What_A_File_Cannot_Say_Is_Refused(string name, string changes, string message)
    {
        var config = ModelConfig.Read(TestPaths.Fixture("models", name)).Clone();
        foreach (var (field, value) in (System.Text.Json.Nodes.JsonObject)System.Text.Json.Nodes.JsonNode.Parse(changes)!)
            config.Json[field] = value?.DeepClone();
        using var model = ModelLoader.Create(config, null, new());
        Assert.Contains(message, Assert.Throws<PeftException>(() => GgufModel.Write(model, File_("a.gguf"))).Message);
        Assert.False(File.Exists(File_("a.gguf")));
    }

    [Fact]
    public void An_Encoder_Has_No_Place()
    {
        using var model = ModelLoader.Load(TestPaths.Fixture("models", "bert"));
        Assert.Contains("for which GGUF has no place", Assert.Throws<PeftException>(() => GgufModel.Write(model, File_("a.gguf"))).Message);
    }

    internal static ModelConfig Tiny(int vocabulary) => ModelConfig.From(System.Text.Json.Nodes.JsonNode.Parse($$"""
        { "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": {{vocabulary}}, "hidden_size": 32,
          "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2,
          "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": true }
        """)!.AsObject());

    private string File_(string name) => Path.Combine(_folder.Root, name);

    internal static TokenBatch Batch() => new()
    {
        InputIds = tensor(new long[,] { { 3, 17, 42, 9, 77 }, { 5, 8, 1, 90, 2 } }),
        AnswerIds = tensor(new long[,] { { 0, 17, 42 }, { 0, 8, 1 } }),
        AttentionMask = ones([2, 5], ScalarType.Int64),
        Unpadded = true,
    };

    internal static Tensor Logits(TransformerModel model)
    {
        using var guard = no_grad();
        return model.Forward(Batch(), new ForwardContext()).Logits;
    }
}
