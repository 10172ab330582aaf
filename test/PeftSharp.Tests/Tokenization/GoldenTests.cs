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
    public void EveryGoldenIsEqual(string name) =>
        Goldens.Check(Tokenizer.Load(TestPaths.Fixture("tokenizers", name)), TestPaths.Fixture("tokenizers", name, "goldens.json"));

    [Theory]
    [InlineData("all-MiniLM-L6-v2", "real-minilm")]
    [InlineData("SmolLM2-135M-Instruct", "real-smollm2")]
    public void EveryGoldenOfARealModelIsEqual(string model, string goldens) => Goldens.Check(
        Tokenizer.Load(TestPaths.RequireShared("models", model)),
        TestPaths.RequireShared("fixtures", "tokenizers", goldens, "goldens.json"));
}
