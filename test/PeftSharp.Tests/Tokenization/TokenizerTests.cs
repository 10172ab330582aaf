using System.Text.Json.Nodes;
using CsCheck;
using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Tokenization;

public class TokenizerTests
{
    private static readonly Gen<string> texts = Gen.Frequency(
        (8, Gen.OneOf("a", "b", "Don't", "it's", " ", "  ", "\n", "1", "2345", "!", "?!", "é", "한국", "日本", "ſ", "\r\n\t")),
        (1, Gen.Int[0x20, 0x2FFF].Select(char.ConvertFromUtf32)),
        (1, Gen.Int[0x10000, 0x10FFFF].Select(char.ConvertFromUtf32))).Array[0, 30].Select(string.Concat);

    [Theory]
    [InlineData("bytelevel-gpt2")]
    [InlineData("bytelevel-roberta")]
    [InlineData("bytelevel-llama3")]
    public void BytesComeBackAsTheyWere(string name)
    {
        var tokenizer = Load(name);
        texts.Sample(text => tokenizer.Decode(tokenizer.Encode(text).Ids) == text);
    }

    [Theory]
    [InlineData("bytelevel-gpt2")]
    [InlineData("bytelevel-qwen2")]
    [InlineData("wordpiece-uncased")]
    public void OffsetsAreInOrderAndInTheText(string name)
    {
        var tokenizer = Load(name);
        texts.Sample(text =>
        {
            var length = text.EnumerateRunes().Count();
            var offsets = tokenizer.Encode(text, addSpecialTokens: false).Offsets;
            return offsets.All(offset => offset.Start >= 0 && offset.Start <= offset.End && offset.End <= length)
                && offsets.Zip(offsets.Skip(1)).All(two => two.First.Start <= two.Second.Start);
        });
    }

    [Theory]
    [InlineData("wordpiece-cased")]
    [InlineData("bytelevel-roberta")]
    public void TruncationDropsFromTheLongerText(string name)
    {
        var tokenizer = Load(name);
        Gen.Select(texts, texts, Gen.Int[4, 40]).Where(sample => sample.Item2.Length > 0).Sample((first, second, most) =>
        {
            var full = tokenizer.Encode(first, second);
            var cut = tokenizer.Encode(first, second, maxLength: most);
            var (a, b) = (tokenizer.Encode(first, addSpecialTokens: false).Ids, tokenizer.Encode(second, addSpecialTokens: false).Ids);
            var room = most - cut.SpecialTokensMask.Count(special => special);
            var (keptA, keptB) = (a.Length, b.Length);
            while (keptA + keptB > room)
            {
                (keptA, keptB) = keptA > keptB || keptA == keptB && a.Length <= b.Length ? (keptA - 1, keptB) : (keptA, keptB - 1);
            }
            var kept = cut.Ids.Where((_, at) => !cut.SpecialTokensMask[at]);
            Assert.Equal([.. a[..keptA], .. b[..keptB]], kept);
            Assert.Equal(Math.Min(most, full.Length), cut.Length);
            Assert.Equal(full.Length > most, cut.Truncated);
        });
    }

    [Fact]
    public void ALengthWithoutRoomForSpecialTokensIsRefused()
    {
        var tokenizer = Load("wordpiece-cased");
        Assert.Equal(2, tokenizer.Encode("a b c", maxLength: 2).Length);
        Assert.Contains("no room for the 2 special tokens",
            Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Encode("a", maxLength: 1)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.EncodeBatch(["a", "b"], maxLength: 1));
    }

    [Fact]
    public void ABatchIsItsTextsOneByOne()
    {
        var tokenizer = Load("wordpiece-uncased");
        var generated = Enumerable.Range(0, 2000).Select(i => $"word{i} isn't {i * 7919 % 1000} Kettles").ToArray();
        var pairs = generated.Select((text, i) => i % 3 == 0 ? null : text[(i % 9)..]).ToArray();
        var batch = tokenizer.EncodeBatch(generated, pairs, maxLength: 12);
        for (var i = 0; i < generated.Length; i++)
        {
            var single = tokenizer.Encode(generated[i], pairs[i], maxLength: 12);
            Assert.Equal(single.Ids, batch[i].Ids);
            Assert.Equal(single.TypeIds, batch[i].TypeIds);
            Assert.Equal(single.Offsets, batch[i].Offsets);
        }
        Assert.Throws<ArgumentException>(() => tokenizer.EncodeBatch(["a"], []));
    }

    [Fact]
    public void APairMarksItsPartsAndItsSpecialTokens()
    {
        var encoding = TinyTokenizer.Load().Encode("Ab!", "C");
        Assert.Equal([1, 3, 4, 6, 2, 5, 2], encoding.Ids);
        Assert.Equal([0, 0, 0, 0, 0, 1, 1], encoding.TypeIds);
        Assert.Equal([true, false, false, false, true, false, true], encoding.SpecialTokensMask);
        Assert.Equal([(0, 0), (0, 1), (1, 2), (2, 3), (0, 0), (0, 1), (0, 0)], encoding.Offsets);
    }

    [Fact]
    public void APrefixSpaceIsNoPartOfTheText()
    {
        var json = JsonNode.Parse(File.ReadAllText(TestPaths.Fixture("tokenizers", "bytelevel-roberta", "tokenizer.json")))!;
        json["pre_tokenizer"]!["add_prefix_space"] = true;
        json["post_processor"]!["add_prefix_space"] = true;
        var tokenizer = TinyTokenizer.LoadText(json.ToJsonString());
        var prefixed = tokenizer.Encode("the 😀", addSpecialTokens: false);
        Assert.Equal(Load("bytelevel-roberta").Encode(" the 😀", addSpecialTokens: false).Ids, prefixed.Ids);
        Assert.Equal((0, 3), (prefixed.Offsets[0].Start, prefixed.Offsets.First(offset => offset.End >= 3).End));
        Assert.Equal(5, prefixed.Offsets[^1].End);
    }

    [Fact]
    public void ALongWordTakesLinearithmicTime()
    {
        var text = new string('a', 200_000);
        var tokenizer = Load("bytelevel-gpt2");
        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text).Ids));
    }

    [Fact]
    public void SavingCopiesTheFiles()
    {
        using var source = new TempFolder().Write("tokenizer.json", TinyTokenizer.Json)
            .Write("special_tokens_map.json", """{"pad_token":"c"}""");
        var tokenizer = Tokenizer.Load(Path.Combine(source.Path, "tokenizer.json"));
        using var target = new TempFolder();
        tokenizer.Save(target.Path);
        Assert.Equal(["special_tokens_map.json", "tokenizer.json"], Directory.GetFiles(target.Path).Select(Path.GetFileName).Order());
        Assert.Equal(TinyTokenizer.Json, File.ReadAllText(Path.Combine(target.Path, "tokenizer.json")));
        Assert.Equal(tokenizer.Fingerprint, Tokenizer.Load(target.Path).Fingerprint);
        Assert.Equal(5, Tokenizer.Load(target.Path).PadId);
    }

    [Fact]
    public void TheFingerprintIsOfWhatDecidesIds()
    {
        var tiny = TinyTokenizer.LoadText(TinyTokenizer.Json).Fingerprint;
        Assert.Matches("^[0-9a-f]{64}$", tiny);
        Assert.Equal(tiny, TinyTokenizer.Load(file => file["truncation"] = new JsonObject { ["max_length"] = 3 }).Fingerprint);
        Assert.NotEqual(tiny, TinyTokenizer.Load(file => file["normalizer"]!["lowercase"] = false).Fingerprint);
    }

    [Fact]
    public void TokensAndIdsAreEachOthersInverse()
    {
        var tokenizer = TinyTokenizer.Load();
        Assert.Equal(8, tokenizer.VocabularySize);
        Assert.Equal("##b", tokenizer.IdToToken(4));
        Assert.Equal(4, tokenizer.TokenToId("##b"));
        Assert.Null(tokenizer.IdToToken(8));
        Assert.Null(tokenizer.IdToToken(-1));
        Assert.Null(tokenizer.TokenToId("b"));
        Assert.Equal("ab c!", tokenizer.Decode([3, 4, 5, 6, 77]));
    }

    private static Tokenizer Load(string name) => Tokenizer.Load(TestPaths.Fixture("tokenizers", name));
}
