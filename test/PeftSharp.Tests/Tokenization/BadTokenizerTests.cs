using System.Text.Json.Nodes;
using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Tokenization;

public class BadTokenizerTests
{
    [Theory]
    [InlineData("normalizer", """{ "type": "Precompiled" }""", "normalizer.precompiled_charsmap is missing")]
    [InlineData("normalizer", """{ "type": "Precompiled", "precompiled_charsmap": "AAEC" }""",
        "normalizer.precompiled_charsmap is a text of 4 characters, expected SentencePiece's table")]
    [InlineData("normalizer", """{ "type": "Nmt" }""", "normalizer.type is \"Nmt\", expected")]
    [InlineData("normalizer", """{ "type": "Replace", "pattern": { "Regex": "a+" }, "content": "b" }""", "normalizer.pattern is a regular")]
    [InlineData("normalizer", """{ "type": "Sequence", "normalizers": [{ "type": 3 }] }""",
        "normalizer.normalizers[0].type is 3, expected a string")]
    [InlineData("normalizer", """{ "type": "BertNormalizer", "lowercase": "yes" }""",
        "normalizer.lowercase is \"yes\", expected true or false")]
    [InlineData("pre_tokenizer", """{ "type": "Metaspace" }""", "pre_tokenizer.replacement is missing")]
    [InlineData("pre_tokenizer", """{ "type": "Metaspace", "replacement": "ab" }""",
        "pre_tokenizer.replacement is \"ab\", expected one character")]
    [InlineData("pre_tokenizer", """{ "type": "Metaspace", "replacement": "_", "prepend_scheme": "last" }""",
        "pre_tokenizer.prepend_scheme is \"last\", expected always, first or never")]
    [InlineData("decoder", """{ "type": "Strip", "content": "", "start": 1, "stop": 0 }""",
        "decoder.content is \"\", expected one character")]
    [InlineData("pre_tokenizer", """{ "type": "Split", "pattern": { "Regex": "(a*)*b" }, "behavior": "Isolated" }""",
        "pre_tokenizer.pattern.Regex is \"(a*)*b\", expected")]
    [InlineData("post_processor", """{ "type": "BertProcessing", "sep": ["x", 99], "cls": ["[CLS]", 1] }""",
        "post_processor.sep[1] is 99, which no token has")]
    [InlineData("post_processor", """{ "type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {} }""",
        "post_processor.single is a template")]
    [InlineData("decoder", """{ "type": "CTC" }""", "decoder.type is \"CTC\", expected")]
    [InlineData("model", """{ "type": "Unigram", "vocab": {} }""", "model.vocab is an object, expected an array")]
    [InlineData("model", """{ "type": "Unigram", "vocab": [] }""", "model.vocab is empty, expected tokens with their scores")]
    [InlineData("model", """{ "type": "Unigram", "vocab": [["a"]] }""", "model.vocab[0] is an array, expected a token and its score")]
    [InlineData("model", """{ "type": "Unigram", "vocab": [["a", -1]], "unk_id": 7 }""", "model.unk_id is 7, which no token has")]
    [InlineData("model", """{ "type": "WordLevel", "vocab": { "a": 0 } }""", "model.type is WordLevel, expected WordPiece, BPE or Unigram")]
    [InlineData("model", """{ "type": "WordPiece", "unk_token": "?", "vocab": { "a": 0 } }""",
        "model.unk_token is \"?\", which is not in the vocabulary")]
    [InlineData("model", """{ "type": "WordPiece", "unk_token": "a", "vocab": { "a": -1 } }""",
        "model.vocab[\"a\"] is -1, expected an integer")]
    [InlineData("model", """{ "type": "WordPiece", "unk_token": "a", "vocab": { "a": 2000000000 } }""",
        "model.vocab[\"a\"] is 2000000000, expected an integer")]
    [InlineData("model", """{ "type": "WordPiece", "unk_token": "a", "vocab": ["a"] }""", "model.vocab is an array, expected an object")]
    [InlineData("model", """{ "type": "WordPiece", "unk_token": "a" }""", "model.vocab is missing")]
    [InlineData("model", "null", "model is missing")]
    [InlineData("added_tokens", """[{ "id": 9, "content": "" }]""", "added_tokens[0].content is empty")]
    [InlineData("added_tokens", """[{ "content": "y" }]""", "added_tokens[0].id is missing")]
    public void APartThatCannotBeReadIsNamed(string member, string value, string message)
    {
        var json = TinyTokenizer.Changed(file => file[member] = JsonNode.Parse(value));
        var error = Assert.Throws<PeftException>(() => TinyTokenizer.LoadText(json));
        Assert.Contains("tokenizer.json: " + message, error.Message);
        Assert.EndsWith(".", error.Message);
    }

    [Theory]
    [InlineData("""["a"]""", "model.merges[0] is an array, expected two tokens")]
    [InlineData("\"ab\"", "model.merges[0] is \"ab\", expected two tokens with a space between")]
    [InlineData("\"a z\"", "of which a part or the whole is not in the vocabulary")]
    public void ABadMergeIsNamed(string merge, string message)
    {
        var error = Assert.Throws<PeftException>(() => TinyTokenizer.Load(file =>
        {
            file["pre_tokenizer"] = JsonNode.Parse("""{ "type": "ByteLevel" }""");
            file["post_processor"] = null;
            file["model"] = JsonNode.Parse($$"""{ "type": "BPE", "vocab": { "a": 1, "b": 2 }, "merges": [{{merge}}] }""");
        }));
        Assert.Contains(message, error.Message);
    }

    [Theory]
    [InlineData("byte_fallback", "true")]
    [InlineData("end_of_word_suffix", "\"_\"")]
    [InlineData("continuing_subword_prefix", "\"##\"")]
    [InlineData("dropout", "0.1")]
    [InlineData("dropout", "\"no\"")]
    public void ABpeOfAnotherKindIsRefused(string member, string value)
    {
        var error = Assert.Throws<PeftException>(() => TinyTokenizer.Load(file =>
        {
            file["pre_tokenizer"] = JsonNode.Parse("""{ "type": "ByteLevel" }""");
            file["model"] = JsonNode.Parse($$"""{ "type": "BPE", "vocab": { "a": 1 }, "merges": [], "{{member}}": {{value}} }""");
        }));
        Assert.Contains($"model.{member} is {value}", error.Message);
    }

    [Theory]
    [InlineData("", "has no content")]
    [InlineData("{\n  \"model\": {", "is not JSON at line 2")]
    [InlineData("[]", "the file is an array, expected an object")]
    [InlineData("{ \"model\": { \"vocab\": { \"\\ud800\": 1 } } }", "half a surrogate pair")]
    public void AFileThatIsNoTokenizerIsNamed(string text, string message) =>
        Assert.Contains(message, Assert.Throws<PeftException>(() => TinyTokenizer.LoadText(text)).Message);

    [Fact]
    public void AFolderWithoutATokenizerSaysWhatWasLookedFor()
    {
        using var folder = new TempFolder().Write("vocab.json", "{}");
        Assert.Contains("holds no tokenizer.json, vocab.txt", Assert.Throws<PeftException>(() => Tokenizer.Load(folder.Path)).Message);
        var missing = Path.Combine(folder.Path, "missing");
        Assert.Contains("There is nothing at", Assert.Throws<PeftException>(() => Tokenizer.Load(missing)).Message);
        folder.Write("vocab.txt", "a");
        Assert.Contains("is not a .json file",
            Assert.Throws<PeftException>(() => Tokenizer.Load(Path.Combine(folder.Path, "vocab.txt"))).Message);
    }

    [Fact]
    public void AVocabularyWithoutItsSpecialTokensIsNamed()
    {
        using var folder = new TempFolder().Write("vocab.txt", "[UNK]\na\n");
        Assert.Contains("lacks the special token [SEP]", Assert.Throws<PeftException>(() => Tokenizer.Load(folder.Path)).Message);
    }

    [Fact]
    public void ABadLineOfMergesIsNumbered()
    {
        using var folder = new TempFolder().Write("vocab.json", """{ "a": 1, "b": 2 }""")
            .Write("merges.txt", "#version: 0.2\na b c\n");
        Assert.Contains("merges.txt, line 2 is \"a b c\"", Assert.Throws<PeftException>(() => Tokenizer.Load(folder.Path)).Message);
    }
}
