using System.Text.Json;
using PeftSharp.Models;
using PeftSharp.Sites;
using PeftSharp.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Formats.Gguf;

/// <summary>The real model, as llama.cpp's users have it, against the reference implementation's numbers.</summary>
public sealed class SmolLm2Tests
{
    private static readonly JsonElement Reference = JsonDocument.Parse(
        File.ReadAllBytes(TestPaths.RequireShared("fixtures", "real", "smollm2.json"))).RootElement;

    [Fact]
    public void Logits_And_Tokens_Are_Those_Of_The_Reference()
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var path = TestPaths.RequireShared("models", "SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct.Q4_1.gguf");
        using var model = ModelLoader.Load(path);
        var tokenizer = Tokenizer.Load(path);
        Assert.Contains(model.Sites.Projections, site => site.Weight.Base.Kind == "q4_1");
        foreach (var row in Reference.GetProperty("generation").EnumerateArray().Where(row => row.TryGetProperty("top_ids", out _)))
        {
            var ids = Numbers(row.GetProperty("ids"));
            Assert.Equal(ids, tokenizer.Encode(row.GetProperty("prompt").GetString()!).Ids.Select(id => (long)id));
            var batch = new PeftSharp.Data.TokenBatch
            {
                InputIds = tensor(ids).unsqueeze(0),
                AttentionMask = ones([1, ids.Length], ScalarType.Int64),
                Unpadded = true
            };
            var last = model.Forward(batch, new ForwardContext()).Logits[0, -1];
            var (values, places) = last.topk(10);
            Assert.Equal(Numbers(row.GetProperty("top_ids")), places.data<long>().ToArray());
            foreach (var (expected, found) in row.GetProperty("top_logits").EnumerateArray().Select(v => v.GetSingle())
                .Zip(values.data<float>().ToArray()))
                Assert.Equal(expected, found, 1e-3f);
        }
    }

    [Fact]
    public void The_Tokenizer_In_The_File_Is_That_Beside_It()
    {
        var folder = TestPaths.RequireShared("models", "SmolLM2-135M-Instruct");
        var (own, beside) = (Tokenizer.Load(Path.Combine(folder, "SmolLM2-135M-Instruct.Q4_1.gguf")), Tokenizer.Load(folder));
        // The file says that digits are divided (smollm), as the model was trained; the tokenizer.json beside it, which transformers made
        // of the file, has lost that.
        var texts = PeftSharp.Tests.Tokenization.Goldens.Texts(TestPaths.RequireShared("fixtures", "tokenizers", "real-smollm2",
            "goldens.json"))
            .Where(text => !text.EnumerateRunes().Any(System.Text.Rune.IsNumber)).ToList();
        Assert.True(texts.Count > 100);
        foreach (var text in texts)
        {
            var expected = beside.Encode(text);
            Assert.Equal(expected.Ids, own.Encode(text).Ids);
            Assert.Equal(beside.Decode(expected.Ids), own.Decode(expected.Ids));
        }
        Assert.Equal(beside.PadId, own.PadId);
        Assert.NotNull(own.ChatTemplate);
        Assert.Equal(beside.Encode(beside.ChatTemplate!.Render([new("user", "Hi")])).Ids,
            own.Encode(own.ChatTemplate.Render([new("user", "Hi")])).Ids);
    }

    [Fact]
    public void The_Folder_And_The_File_Are_One_Model()
    {
        var folder = TestPaths.RequireShared("models", "SmolLM2-135M-Instruct");
        var (beside, own) = (ModelConfig.Read(folder), ModelConfig.Read(Path.Combine(folder, "SmolLM2-135M-Instruct.Q4_1.gguf")));
        foreach (var field in new[] { "model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
            "num_attention_heads", "num_key_value_heads", "head_dim",
            "max_position_embeddings", "tie_word_embeddings", "bos_token_id", "eos_token_id", "pad_token_id", "hidden_act" })
            Assert.Equal(beside.Json[field]!.ToJsonString(), own.Json[field]!.ToJsonString());
        Assert.Equal(beside.Number("rms_norm_eps", 0), own.Number("rms_norm_eps", 1));
        Assert.Equal(100_000, own.Json["rope_parameters"]!["rope_theta"]!.GetValue<double>());
    }

    private static long[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(number => number.GetInt64())];
}
