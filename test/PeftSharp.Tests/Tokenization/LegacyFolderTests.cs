using System.Text.Json.Nodes;
using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Tokenization;

public class LegacyFolderTests
{
    [Theory]
    [InlineData("wordpiece-cased", false)]
    [InlineData("wordpiece-uncased", true)]
    public void AVocabularyTextIsEnoughForWordPiece(string name, bool lowercase)
    {
        using var folder = new TempFolder()
            .Write("vocab.txt", string.Concat(Vocabulary(name).OrderBy(entry => (int)entry.Value!).Select(entry => entry.Key + "\n")))
            .Write("tokenizer_config.json", $$"""{ "do_lower_case": {{(lowercase ? "true" : "false")}}, "pad_token": "[PAD]" }""");
        var tokenizer = Tokenizer.Load(folder.Path);
        Goldens.Check(tokenizer, TestPaths.Fixture("tokenizers", name, "goldens.json"));
        Assert.Equal(tokenizer.TokenToId("[PAD]"), tokenizer.PadId);
    }

    [Theory]
    [InlineData("bytelevel-gpt2")]
    [InlineData("bytelevel-roberta")]
    public void AVocabularyAndItsMergesAreEnoughForByteLevel(string name)
    {
        var merges = Model(name)["merges"]!.AsArray().Select(pair => $"{pair![0]} {pair[1]}\n");
        using var folder = new TempFolder().Write("vocab.json", Vocabulary(name).ToJsonString())
            .Write("merges.txt", "#version: 0.2\n" + string.Concat(merges));
        Goldens.Check(Tokenizer.Load(folder.Path), TestPaths.Fixture("tokenizers", name, "goldens.json"));
    }

    [Fact]
    public void OptBeginsWithItsStartToken()
    {
        using var folder = new TempFolder().Write("vocab.json", """{ "</s>": 0, "<s>": 1, "a": 2, "b": 3, "ab": 4, "<pad>": 5 }""")
            .Write("merges.txt", "a b\n")
            .Write("special_tokens_map.json", """{ "bos_token": { "content": "</s>" }, "pad_token": "<pad>" }""")
            .Write("tokenizer_config.json", """{ "tokenizer_class": "GPT2Tokenizer", "add_bos_token": true }""");
        var tokenizer = Tokenizer.Load(folder.Path);
        Assert.Equal([0, 4, 2], tokenizer.Encode("aba").Ids);
        Assert.Equal([0, 2, 0, 3], tokenizer.Encode("a", "b").Ids);
        Assert.Equal(5, tokenizer.PadId);
        Assert.Equal("aba", tokenizer.Decode([0, 4, 2]));
    }

    [Fact]
    public void TokensAddedByHandAreFound()
    {
        using var folder = new TempFolder().Write("vocab.txt", "[UNK]\n[SEP]\n[CLS]\na\r\n").Write("added_tokens.json", """{ "<e>": 9 }""")
            .Write("tokenizer_config.json", """{ "added_tokens_decoder": { "4": { "content": "<f>", "special": true } } }""");
        var tokenizer = Tokenizer.Load(folder.Path);
        Assert.Equal([3, 9, 3, 4], tokenizer.Encode("a<e>a <f>", addSpecialTokens: false).Ids);
        Assert.Equal(10, tokenizer.VocabularySize);
        Assert.Null(tokenizer.PadId);
    }

    [Fact]
    public void TheRealVocabularyTextGivesTheSameAsTheRealTokenizerJson()
    {
        var vocabulary = TestPaths.RequireShared("models", "all-MiniLM-L6-v2", "vocab.txt");
        var goldens = TestPaths.RequireShared("fixtures", "tokenizers", "real-minilm", "goldens.json");
        using var folder = new TempFolder();
        File.Copy(vocabulary, Path.Combine(folder.Path, "vocab.txt"));
        Goldens.Check(Tokenizer.Load(folder.Path), goldens);
    }

    private static JsonObject Vocabulary(string name) => Model(name)["vocab"]!.AsObject();

    private static JsonNode Model(string name) =>
        JsonNode.Parse(File.ReadAllText(TestPaths.Fixture("tokenizers", name, "tokenizer.json")))!["model"]!;
}
