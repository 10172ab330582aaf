using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Formats.Gguf;
using PeftSharp.Models;
using PeftSharp.Sites;
using PeftSharp.Tests;
using PeftSharp.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.LlamaTests;

/// <summary>Files that we write, and the file that we read, as llama.cpp computes with them.</summary>
public sealed class GgufProofTests : IDisposable
{
    private static readonly int[] Ids = [3, 17, 42, 9, 77, 5, 8, 1, 90, 2], Answer = [0, 44, 12, 71];

    private readonly string _folder = Directory.CreateTempSubdirectory("peftsharp-llama-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("llama")]
    [InlineData("llama3")]
    [InlineData("llama-linear")]
    [InlineData("qwen2")]
    [InlineData("qwen3")]
    [InlineData("gemma")]
    [InlineData("gemma2")]
    [InlineData("phi3")]
    public void A_Model_That_We_Write_Gives_Our_Logits(string name)
    {
        using var model = ModelLoader.Load(TestPaths.Fixture("models", name));
        GgufModel.Write(model, File_("model.gguf"), GgufQuantization.F32);
        using var llama = LlamaCpp.Load(File_("model.gguf"));
        AssertEqual(Ours(model), llama.Logits(Ids), 1e-3);
    }

    // llama.cpp looks GELU up in a table of 16 bits, in its approximation by tanh.
    [Theory]
    [InlineData("gpt2")]
    [InlineData("falcon")]
    [InlineData("falcon7b")]
    public void A_Model_Without_Gates_Gives_Our_Logits_To_The_Rounding_Of_Its_Activation(string name)
    {
        using var model = ModelLoader.Load(TestPaths.Fixture("models", name));
        GgufModel.Write(model, File_("model.gguf"), GgufQuantization.F32);
        using var llama = LlamaCpp.Load(File_("model.gguf"));
        AssertEqual(Ours(model), llama.Logits(Ids), 5e-3);
    }

    // The encoder reads a text, the decoder begins an answer; with a LoRA in both, and without.
    [Theory]
    [InlineData("t5", false)]
    [InlineData("t5v1", false)]
    [InlineData("t5", true)]
    public void T5_Reads_And_Answers_There_As_It_Does_Here(string name, bool adapted)
    {
        using var peft = new PeftModel(ModelLoader.Load(TestPaths.Fixture("models", name)));
        GgufModel.Write(peft.Model, File_("model.gguf"), GgufQuantization.F32);
        var (plain, selection) = (Ours(peft.Model, answer: Answer), AdapterSelection.None);
        var folder = AdapterFolder.Open(TestPaths.Fixture("cases", "t5-lora"));
        if (adapted) selection = AdapterSelection.Of(folder.LoadInto(peft, "a").Tag);
        var ours = Ours(peft.Model, selection, answer: Answer);
        Assert.Equal(adapted, Distance(ours, plain) > 0.01);
        using var llama = LlamaCpp.Load(File_("model.gguf"));
        if (adapted)
        {
            GgufAdapter.Write(folder, peft.Model.Config, File_("adapter.gguf"));
            llama.Adapt(File_("adapter.gguf"));
        }
        AssertEqual(ours, llama.Logits(Answer, reads: Ids), 5e-3);
    }

    [Theory]
    [InlineData("llama-lora", false)]
    [InlineData("llama-lora", true)]
    [InlineData("llama-lora-all-linear", false)]
    [InlineData("llama-lora-all-linear", true)]
    [InlineData("gpt2-lora", false)]
    [InlineData("gpt2-lora", true)]
    [InlineData("falcon-lora", false)]
    [InlineData("falcon-lora", true)]
    [InlineData("falcon7b-lora", false)]
    public void A_Lora_Changes_The_Model_There_As_It_Does_Here(string name, bool merged)
    {
        var tolerance = name.StartsWith("llama", StringComparison.Ordinal) ? 1e-3 : 5e-3;
        using var peft = new PeftModel(ModelLoader.Load(TestPaths.Fixture("models", name.Split('-')[0])));
        var folder = AdapterFolder.Open(TestPaths.Fixture("cases", name));
        GgufModel.Write(peft.Model, File_("base.gguf"), GgufQuantization.F32);
        var plain = Ours(peft.Model);
        var adapter = folder.LoadInto(peft, "a");
        if (merged) peft.Merge("a");
        var ours = Ours(peft.Model, merged ? AdapterSelection.None : AdapterSelection.Of(adapter.Tag));
        Assert.True(Distance(ours, plain) > 0.05, "the adapter changes nothing that could be compared");
        if (merged) GgufModel.Write(peft.Model, File_("merged.gguf"), GgufQuantization.F32);
        else GgufAdapter.Write(folder, peft.Model.Config, File_("adapter.gguf"));
        using var llama = LlamaCpp.Load(File_(merged ? "merged.gguf" : "base.gguf"));
        if (!merged) llama.Adapt(File_("adapter.gguf"));
        AssertEqual(ours, llama.Logits(Ids), tolerance);
    }

    [Fact]
    public void The_Real_Model_Says_The_Same_Words()
    {
        var path = TestPaths.RequireShared("models", "SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct.Q4_1.gguf");
        using var llama = LlamaCpp.Load(path);
        using var model = ModelLoader.Load(path);
        var tokenizer = Tokenizer.Load(path);
        foreach (var prompt in new[] { "The capital of France is", "In 2024, 3 of 12 people said 한국어", "def fibonacci(n):\n    " })
        {
            var ids = tokenizer.Encode(prompt).Ids;
            Assert.Equal(llama.Tokenize(prompt), ids);
            // llama.cpp multiplies in eight bits there, so that logits differ by rounding, and the order of near equals with them.
            var (ours, theirs) = (Ours(model, ids: ids)[^1], llama.Logits(ids)[^1]);
            Assert.True(Distance([ours], [theirs]) < 0.06 * theirs.Max(Math.Abs), $"{prompt}: {Distance([ours], [theirs])}");
            Assert.True(theirs[Array.IndexOf(ours, ours.Max())] > 0.94f * theirs.Max(), prompt);
        }
        Assert.Equal(" Paris", tokenizer.Decode(llama.Greedy(tokenizer.Encode("The capital of France is").Ids, 1)));
    }

    [Theory]
    [InlineData(GgufQuantization.F16, 0.02)]
    [InlineData(GgufQuantization.Q8, 0.05)]
    public void The_Real_Model_Written_Anew_Says_The_Same(GgufQuantization quantization, double tolerance)
    {
        var path = TestPaths.RequireShared("models", "SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct.Q4_1.gguf");
        var tokenizer = Tokenizer.Load(path);
        using var model = ModelLoader.Load(path);
        GgufModel.Write(model, File_("model.gguf"), quantization, tokenizer);
        using var llama = LlamaCpp.Load(File_("model.gguf"));
        var ids = tokenizer.Encode("The capital of France is").Ids;
        Assert.Equal(ids, llama.Tokenize("The capital of France is"));
        var (ours, theirs) = (Ours(model, ids: ids)[^1], llama.Logits(ids)[^1]);
        Assert.True(Distance([ours], [theirs]) < tolerance * theirs.Max(Math.Abs), $"{Distance([ours], [theirs])}");
        Assert.Equal(Array.IndexOf(ours, ours.Max()), Array.IndexOf(theirs, theirs.Max()));
    }

    [Theory]
    [InlineData("bytelevel-gpt2")]
    [InlineData("bytelevel-llama3")]
    [InlineData("bytelevel-qwen2")]
    [InlineData("sentencepiece-bpe")]
    [InlineData("sentencepiece-model-bpe")]
    [InlineData("sentencepiece-model-unigram")]
    public void Tokenizers_That_We_Write_Divide_Texts_Alike(string name)
    {
        var tokenizer = Tokenizer.Load(TestPaths.Fixture("tokenizers", name));
        var config = (System.Text.Json.Nodes.JsonObject)System.Text.Json.Nodes.JsonNode.Parse($$"""
            { "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": {{tokenizer.VocabularySize}},
              "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4,
              "num_key_value_heads": 2, "max_position_embeddings": 64, "tie_word_embeddings": true }
            """)!;
        using var model = ModelLoader.Create(ModelConfig.From(config), null, new());
        GgufModel.Write(model, File_("model.gguf"), GgufQuantization.F16, tokenizer);
        using var llama = LlamaCpp.Load(File_("model.gguf"));
        var compared = 0;
        foreach (var text in new[] { "Hello, world!", "don't we'll I'M 123 4567", "한국어 영화 리뷰: 좋다", "a  b   c\n\n\td", "naïve café 🙂 ok",
            "x = y[0] + 3.14;" })
        {
            // llama.cpp's Unigram knows no bytes: a letter that has no piece is unknown there.
            if (name.EndsWith("unigram", StringComparison.Ordinal) && tokenizer.Encode(text).Ids.Any(IsByte)) continue;
            Assert.Equal(tokenizer.Encode(text).Ids, llama.Tokenize(text));
            compared++;
        }
        Assert.True(compared >= 3, $"{compared} texts were compared");

        bool IsByte(int id) => tokenizer.IdToToken(id)?.StartsWith("<0x", StringComparison.Ordinal) == true;
    }

    private string File_(string name) => Path.Combine(_folder, name);

    private static float[][] Ours(TransformerModel model, AdapterSelection? selection = null, int[]? ids = null, int[]? answer = null)
    {
        ids ??= Ids;
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var batch = new TokenBatch
        {
            InputIds = tensor(ids.Select(id => (long)id).ToArray()).unsqueeze(0),
            AttentionMask = ones([1, ids.Length], ScalarType.Int64),
            AnswerIds = answer is null ? null : tensor(answer.Select(id => (long)id).ToArray()).unsqueeze(0),
            Unpadded = true
        };
        var logits = model.Forward(batch, new ForwardContext { Selection = selection ?? AdapterSelection.None }).Logits[0];
        return [.. Enumerable.Range(0, (int)logits.shape[0]).Select(i => logits[i].contiguous().data<float>().ToArray())];
    }

    private static void AssertEqual(float[][] ours, float[][] theirs, double tolerance)
    {
        var largest = ours.SelectMany(row => row).Max(Math.Abs);
        Assert.True(Distance(ours, theirs) <= tolerance * largest, $"logits differ by {Distance(ours, theirs)} of {largest}");
    }

    private static double Distance(float[][] one, float[][] other) =>
        one.Zip(other).Max(rows => rows.First.Zip(rows.Second).Max(pair => (double)Math.Abs(pair.First - pair.Second)));
}
