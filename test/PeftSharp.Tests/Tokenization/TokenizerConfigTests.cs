using System.Text.Json.Nodes;
using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Tokenization;

/// <summary>tokenizer_config.json beside tokenizer.json counts as it does in Python.</summary>
public sealed class TokenizerConfigTests
{
    [Theory]
    [InlineData("The Café was NAÏVE", new[] { 101, 100, 100, 2001, 100, 102 })]
    [InlineData("한국어 영화", new[] { 101, 100, 100, 102 })]
    [InlineData("see [E1] here", new[] { 101, 2156, 1031, 100, 1033, 2182, 102 })]
    public void Lower_Case_Can_Be_Switched_Off(string text, int[] ids)
    {
        var model = TestPaths.RequireShared("models", "all-MiniLM-L6-v2");
        using var folder = new TempFolder();
        foreach (var name in (string[])["tokenizer.json", "vocab.txt"])
            File.Copy(Path.Combine(model, name), Path.Combine(folder.Path, name));
        File.Copy(
            TestPaths.RequireShared("user-cases", "do-lower-case", "tokenizer_config.json"),
            Path.Combine(folder.Path, "tokenizer_config.json"));
        Assert.Equal(ids, Tokenizer.Load(folder.Path).Encode(text).Ids);
    }

    [Fact]
    public void A_Space_Can_Be_Put_Before_The_Text() =>
        Assert.Equal(
            [0, 268, 267, 2], Tokenizer.Load(TestPaths.RequireShared("user-cases", "add-prefix-space", "base")).Encode("good film").Ids);

    // The vocabulary: [UNK] [CLS] [SEP] a ##b c ! <x> A á 中 B
    [Theory]
    [InlineData("""{ "do_lower_case": false }""", "A", "8")]
    [InlineData("""{ "do_lower_case": false, "tokenizer_class": "BertTokenizer" }""", "A á", "8 9")]
    [InlineData("""{ "do_lower_case": false, "strip_accents": true, "tokenizer_class": "BertTokenizerFast" }""", "A á", "8 3")]
    [InlineData("""{ "strip_accents": false, "tokenizer_class": "BertTokenizer" }""", "A á", "3 9")]
    [InlineData("""{ "strip_accents": null, "tokenizer_class": "BertTokenizer" }""", "A á", "3 3")]
    [InlineData("""{ "tokenize_chinese_chars": false, "tokenizer_class": "DistilBertTokenizer" }""", "a中", "0")]
    [InlineData("""{ "tokenize_chinese_chars": true, "tokenizer_class": "BertTokenizer" }""", "a中", "3 10")]
    [InlineData("""{ "do_lower_case": false, "tokenizer_class": "PreTrainedTokenizerFast" }""", "A", "3")]
    [InlineData("""{ "model_max_length": 7, "tokenizer_class": "BertTokenizer" }""", "A", "3")]
    public void The_Normalizer_Is_Set_As_The_Class_Sets_It(string config, string text, string ids) =>
        Assert.Equal(ids, Ids(Load(config), text));

    // The class's own defaults count: Python lowers capitals where the file says nothing of them.
    [Theory]
    [InlineData("""{ "tokenizer_class": "BertTokenizer" }""", "A á", "3 3")]
    [InlineData("""{ "model_max_length": 7 }""", "A á", "8 9")]
    [InlineData("""{ "tokenizer_class": "PreTrainedTokenizerFast" }""", "A á", "8 9")]
    public void Defaults_Are_Those_Of_The_Class(string config, string text, string ids) => Assert.Equal(ids, Ids(Load(config, json =>
    {
        json["normalizer"]!["lowercase"] = false;
        json["normalizer"]!["strip_accents"] = false;
    }), text));

    [Theory]
    [InlineData("""{ "model_max_length": 7 }""", 7)]
    [InlineData("""{ "model_max_length": 1000000000000000019884624838656 }""", null)]
    [InlineData("""{ "model_max_length": 1e30 }""", null)]
    [InlineData("""{ "truncation_side": "right" }""", null)]
    public void The_Longest_Text_Is_Read(string config, int? length) => Assert.Equal(length, Load(config).MaxLength);

    [Theory]
    [InlineData("""{ "model_max_length": 0 }""")]
    [InlineData("""{ "model_max_length": "long" }""")]
    public void A_Length_That_Is_None_Is_Refused(string config) =>
        Assert.Contains("model_max_length", Assert.Throws<PeftException>(() => Load(config)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("""{ "truncation_side": "left" }""", "1 4 5 2", "1 5 2 6 2")]
    [InlineData("""{ "truncation_side": "right" }""", "1 3 4 2", "1 3 2 6 2")]
    [InlineData("""{ "padding_side": "left" }""", "1 3 4 2", "1 3 2 6 2")]
    public void Tokens_Are_Dropped_On_The_Named_Side(string config, string single, string pair)
    {
        var tokenizer = Load(config);
        Assert.Equal(single, string.Join(' ', tokenizer.Encode("abc".Insert(2, " "), maxLength: 4).Ids));
        Assert.Equal(pair, string.Join(' ', tokenizer.Encode("ab c", "! !", maxLength: 5).Ids));
    }

    [Fact]
    public void The_Side_Of_The_File_Itself_Counts_Where_The_Settings_Are_Silent()
    {
        var left = Load(
            "{}",
            json =>
                json["truncation"] = new JsonObject
                {
                    ["direction"] = "Left",
                    ["max_length"] = 9,
                    ["strategy"] = "LongestFirst",
                    ["stride"] = 0,
                });
        Assert.Equal([1, 4, 5, 2], left.Encode("ab c", maxLength: 4).Ids);
    }

    [Theory]
    [InlineData("""{ "additional_special_tokens": ["[E1]"] }""", "a [E1] c", "3 12 5")]
    [InlineData("""{ "extra_special_tokens": ["[E1]", "[E2]"] }""", "[E2] c", "13 5")]
    [InlineData("""{ "extra_special_tokens": { "entity": "[E1]" } }""", "[E1]", "12")]
    [InlineData("""{ "added_tokens_decoder": { "12": { "content": "[E1]", "special": true } } }""", "a[E1]", "3 12")]
    [InlineData("""{ "added_tokens_decoder": { "7": { "content": "<x>", "normalized": false } } }""", "a <x>", "3 7")]
    [InlineData("""{ "additional_special_tokens": ["<x>"] }""", "a <x>", "3 7")]
    [InlineData("""{ "cls_token": "[CLS]", "sep_token": "[SEP]" }""", "[CLS] a", "1 3")]
    [InlineData("""{ "mask_token": "[MASK]" }""", "[MASK]", "0 0 0")]
    [InlineData("""{ "added_tokens_decoder": { "0": { "content": "[UNK]", "lstrip": true, "special": true } } }""", "a [UNK]", "3 0")]
    public void Tokens_Are_Added(string config, string text, string ids) => Assert.Equal(ids, Ids(Load(config), text));

    [Fact]
    public void Special_Tokens_Can_Be_Left_To_Be_Split() =>
        Assert.Equal("0 0 0", Ids(Load("""{ "split_special_tokens": true, "cls_token": "[CLS]" }"""), "[CLS]"));

    [Fact]
    public void Types_Are_Left_Out_Where_The_Model_Does_Not_Read_Them()
    {
        Assert.Equal([0, 0, 0, 1, 1], Load("{}").Encode("a", "c").TypeIds);
        Assert.Equal([0, 0, 0, 0, 0], Load("""{ "model_input_names": ["input_ids", "attention_mask"] }""").Encode("a", "c").TypeIds);
        Assert.Equal([0, 0, 0, 1, 1], Load("""{ "model_input_names": ["input_ids", "token_type_ids"] }""").Encode("a", "c").TypeIds);
    }

    [Theory]
    [InlineData("""{ "truncation_side": "middle" }""", "truncation_side")]
    [InlineData("""{ "added_tokens_decoder": { "99": { "content": "<e>" } } }""", "next free id is 12")]
    [InlineData("""{ "added_tokens_decoder": { "5": { "content": "a" } } }""", "gives it 3")]
    [InlineData("""{ "tokenizer_class": "BertJapaneseTokenizer" }""", "Python code")]
    [InlineData("""{ "add_bos_token": false, "bos_token": "[CLS]" }""", "adds \"[CLS]\"")]
    [InlineData("""{ "add_eos_token": true, "eos_token": "!" }""", "does not add \"!\"")]
    [InlineData("""{ "do_lower_case": 1 }""", "do_lower_case")]
    public void What_Contradicts_Or_Cannot_Be_Done_Is_Refused(string config, string message) =>
        Assert.Contains(message, Assert.Throws<PeftException>(() => Load(config)).Message);

    [Fact]
    public void A_Lower_Case_That_No_Normalizer_Can_Be_Given_Is_Refused()
    {
        static void Sequence(JsonObject json) =>
            json["normalizer"] = JsonNode.Parse("""{ "type": "Sequence", "normalizers": [{ "type": "NFC" }, { "type": "Lowercase" }] }""");
        Assert.Contains("make the two files agree",
            Assert.Throws<PeftException>(() => Load("""{ "do_lower_case": false }""", Sequence)).Message);
        Assert.Equal("3", Ids(Load("""{ "do_lower_case": true }""", Sequence), "A"));
    }

    [Theory]
    [InlineData("CLIPTokenizer")]
    [InlineData("MPNetTokenizer")]
    [InlineData("BertJapaneseTokenizer")]
    public void A_Vocabulary_Alone_Is_Not_Read_As_Another_Class(string name)
    {
        using var folder = new TempFolder().Write("vocab.txt", "[UNK]\n[SEP]\n[CLS]\na\n")
            .Write("tokenizer_config.json", $$"""{ "tokenizer_class": "{{name}}" }""");
        Assert.Contains(name, Assert.Throws<PeftException>(() => Tokenizer.Load(folder.Path)).Message);
    }

    [Theory]
    [InlineData("""{ "add_prefix_space": true }""", true)]
    [InlineData("""{ "add_prefix_space": true, "tokenizer_class": "RobertaTokenizerFast" }""", true)]
    [InlineData("""{ "add_prefix_space": false, "tokenizer_class": "GPT2Tokenizer" }""", false)]
    [InlineData("""{ "tokenizer_class": "RobertaTokenizer" }""", false)]
    public void The_First_Space_Is_Set_As_The_Class_Sets_It(string config, bool space)
    {
        foreach (var inFile in (bool[])[true, false])
        {
            var json = JsonNode.Parse(File.ReadAllText(TestPaths.Fixture("tokenizers", "bytelevel-roberta", "tokenizer.json")))!;
            json["pre_tokenizer"]!["add_prefix_space"] = inFile;
            using var folder = new TempFolder().Write("tokenizer.json", json.ToJsonString()).Write("tokenizer_config.json", config);
            var tokenizer = Tokenizer.Load(folder.Path);
            Assert.Equal(
                space,
                tokenizer.Encode("good", addSpecialTokens: false).Ids
                    .SequenceEqual(tokenizer.Encode(" good", addSpecialTokens: false).Ids));
        }
    }

    [Fact]
    public void Fingerprints_Tell_What_Is_Set_Otherwise_And_Nothing_Else()
    {
        var plain = Load("{}").Fingerprint;
        var same =
            """{ "do_lower_case": true, "tokenizer_class": "BertTokenizer", "model_max_length": 512, "truncation_side": "right" }""";
        Assert.Equal(plain, Load(same).Fingerprint);
        foreach (var config in (string[])["""{ "do_lower_case": false }""", """{ "truncation_side": "left" }""",
            """{ "additional_special_tokens": ["[E1]"] }"""])
            Assert.NotEqual(plain, Load(config).Fingerprint);
    }

    private static string Ids(Tokenizer tokenizer, string text) => string.Join(' ', tokenizer.Encode(text, addSpecialTokens: false).Ids);

    private static Tokenizer Load(string config, Action<JsonObject>? change = null)
    {
        var json = TinyTokenizer.Changed(json =>
        {
            var vocabulary = json["model"]!["vocab"]!.AsObject();
            foreach (var token in (string[])["A", "á", "中", "B"]) vocabulary[token] = vocabulary.Count;
            change?.Invoke(json);
        });
        using var folder = new TempFolder().Write("tokenizer.json", json).Write("tokenizer_config.json", config);
        return Tokenizer.Load(folder.Path);
    }
}
