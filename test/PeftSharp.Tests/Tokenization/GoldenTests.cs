using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Tokenization;

public class GoldenTests
{
    [Theory]
    [InlineData("wordpiece-cased")]
    [InlineData("wordpiece-uncased")]
    [InlineData("bytelevel-gpt2")]
    [InlineData("bytelevel-roberta")]
    [InlineData("bytelevel-llama3")]
    [InlineData("bytelevel-qwen2")]
    [InlineData("sentencepiece-bpe")]
    [InlineData("t5-unigram")]
    [InlineData("sentencepiece-model-bpe")]
    [InlineData("sentencepiece-model-unigram")]
    public void EveryGoldenIsEqual(string name) =>
        Goldens.Check(Tokenizer.Load(TestPaths.Fixture("tokenizers", name)), TestPaths.Fixture("tokenizers", name, "goldens.json"));

    [Theory]
    [InlineData("all-MiniLM-L6-v2", "real-minilm")]
    [InlineData("SmolLM2-135M-Instruct", "real-smollm2")]
    public void EveryGoldenOfARealModelIsEqual(string model, string goldens) => Goldens.Check(
        Tokenizer.Load(TestPaths.RequireShared("models", model)),
        TestPaths.RequireShared("fixtures", "tokenizers", goldens, "goldens.json"));

    [Theory]
    [InlineData("wordpiece-uncased")]
    [InlineData("bytelevel-gpt2")]
    [InlineData("sentencepiece-bpe")]
    [InlineData("t5-unigram")]
    [InlineData("sentencepiece-model-bpe")]
    [InlineData("sentencepiece-model-unigram")]
    public void TokensOneByOneMakeTheSameText(string name) =>
        Goldens.CheckStream(Tokenizer.Load(TestPaths.Fixture("tokenizers", name)), TestPaths.Fixture("tokenizers", name, "goldens.json"));

    [Fact]
    public void TokensOfARealModelOneByOneMakeTheSameText() => Goldens.CheckStream(
        Tokenizer.Load(TestPaths.RequireShared("models", "SmolLM2-135M-Instruct")),
        TestPaths.RequireShared("fixtures", "tokenizers", "real-smollm2", "goldens.json"));
}
