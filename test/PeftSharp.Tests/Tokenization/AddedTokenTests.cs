using System.Text.Json.Nodes;
using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Tokenization;

public class AddedTokenTests
{
    [Fact]
    public void ATokenTakesTheWhiteSpaceThatItStrips()
    {
        var encoding = Load("""{ "lstrip": true, "rstrip": true }""").Encode("a  <x> \n a", addSpecialTokens: false);
        Assert.Equal([3, 7, 3], encoding.Ids);
        Assert.Equal([(0, 1), (1, 9), (9, 10)], encoding.Offsets);
    }

    [Fact]
    public void ASingleWordIsNotFoundInsideAnother()
    {
        var tokenizer = Load("""{ "single_word": true }""");
        Assert.DoesNotContain(7, tokenizer.Encode("a<x>").Ids);
        Assert.DoesNotContain(7, tokenizer.Encode("<x>a").Ids);
        Assert.Contains(7, tokenizer.Encode("!<x>!").Ids);
        Assert.Contains(7, tokenizer.Encode("<x>").Ids);
    }

    [Fact]
    public void ANormalizedTokenIsFoundInNormalizedText()
    {
        Assert.Equal([3, 7, 3], Load("""{ "normalized": true }""").Encode("a<X>a", addSpecialTokens: false).Ids);
        Assert.Equal([(0, 1), (1, 4), (4, 5)], Load("""{ "normalized": true }""").Encode("a<X>a", addSpecialTokens: false).Offsets);
        Assert.DoesNotContain(7, Load("""{ "normalized": false }""").Encode("a<X>a").Ids);
    }

    [Fact]
    public void TheLongestOfThoseThatBeginTogetherWins()
    {
        var tokenizer = TinyTokenizer.Load(file =>
        {
            file["added_tokens"]!.AsArray().Add(JsonNode.Parse("""{ "id": 20, "content": "<<", "special": true }"""));
            file["added_tokens"]!.AsArray().Add(JsonNode.Parse("""{ "id": 21, "content": "<<<", "normalized": false }"""));
        });
        Assert.Equal([21, 20], tokenizer.Encode("<<<<<", addSpecialTokens: false).Ids);
        Assert.Equal("<<<", tokenizer.Decode([21, 20]));
        Assert.Equal("<<< <<", tokenizer.Decode([21, 20], skipSpecialTokens: false));
    }

    private static Tokenizer Load(string switches) => TinyTokenizer.Load(file =>
    {
        var token = JsonNode.Parse(switches)!.AsObject();
        token["id"] = 7;
        token["content"] = "<x>";
        token["special"] = true;
        file["added_tokens"]!.AsArray().Add(token);
    });
}
