using PeftSharp.Models;
using PeftSharp.Models.Heads;

namespace PeftSharp.Tests.Models;

/// <summary>Cards are written and read back whole, and hostile ones are refused with a sentence.</summary>
public sealed class AnswerCardTests
{
    private static readonly AnswerCard Full = new()
    {
        Task = TaskKind.Classification,
        Labels = ["날씨", "news \"x\""],
        Pooling = Pooling.Mean,
        Pairs = true,
        MaxLength = 96,
        Tokenizer = true,
        Quantize = new Nf4Options(128, true),
        Columns = new("first", "second", "verdict"),
    };

    [Fact]
    public void A_card_comes_back_as_it_was_written()
    {
        var read = AnswerCard.Parse(Full.ToJson(), "here");
        Assert.Equal(Full.Labels, read.Labels!);
        Assert.Equal(Full with { Labels = null }, read with { Labels = null });
        var bare = new AnswerCard { Task = TaskKind.Embedding };
        Assert.Equal(bare, AnswerCard.Parse(bare.ToJson(), "here"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"version\":1,\"task\":\"classification\",\"pooling\":\"mean\"")]
    [InlineData("{\"version\":2,\"task\":\"classification\",\"pooling\":\"mean\"}")]
    [InlineData("{\"version\":1,\"task\":\"telepathy\",\"pooling\":\"mean\"}")]
    [InlineData("{\"version\":1,\"task\":\"classification\",\"pooling\":3}")]
    [InlineData("{\"version\":1,\"task\":\"classification\",\"pooling\":\"mean\",\"pooling\":\"cls\"}")]
    [InlineData("{\"version\":1,\"task\":\"classification\",\"pooling\":\"mean\",\"labels\":[]}")]
    [InlineData("{\"version\":1,\"task\":\"classification\",\"pooling\":\"mean\",\"labels\":[1]}")]
    [InlineData("{\"version\":1,\"task\":\"classification\",\"pooling\":\"mean\",\"labels\":[\"\\ud800\"]}")]
    [InlineData("{\"version\":1,\"task\":\"classification\",\"pooling\":\"mean\",\"pairs\":\"yes\"}")]
    [InlineData("{\"version\":1,\"task\":\"classification\",\"pooling\":\"mean\",\"max_length\":1e999}")]
    [InlineData("{\"version\":1,\"task\":\"classification\",\"pooling\":\"mean\",\"max_length\":0}")]
    [InlineData("{\"version\":1,\"task\":\"classification\",\"pooling\":\"mean\",\"quantize\":{\"type\":\"nf4\",\"block_size\":33}}")]
    [InlineData("{\"version\":1,\"task\":\"classification\",\"pooling\":\"mean\",\"quantize\":4}")]
    [InlineData("{\"version\":1,\"task\":\"classification\",\"pooling\":\"mean\",\"columns\":[\"a\"]}")]
    [InlineData("{\"version\":1,\"task\":\"classification\",\"pooling\":\"mean\",\"temperature\":2}")]
    [InlineData("{\"version\":1,\"task\":\"classification\",\"pooling\":\"mean\","
        + "\"columns\":{\"text\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}")]
    public void A_card_that_is_none_is_refused_with_a_sentence(string json)
    {
        var message = Assert.Throws<PeftException>(() => AnswerCard.Parse(json, "adapter_model.safetensors")).Message;
        Assert.StartsWith("adapter_model.safetensors: the card \"peftsharp\" ", message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Names_are_told_apart_and_matched()
    {
        Assert.Equal(["crane (0)", "heron", "crane (2)"], LabelNames.Distinct(["crane", "heron", "crane"]));
        Assert.Equal(["a (0)'", "a (0)", "a (2)"], LabelNames.Distinct(["a", "a (0)", "a"]));
        Assert.Equal([1, 0], LabelNames.Match(["NEGATIVE", "POSITIVE"], ["positive", "negative"])!);
        Assert.Null(LabelNames.Match(["Positive", "positive"], ["POSITIVE", "negative"]));
        Assert.Null(LabelNames.Match(["a", "b"], ["a", "c"]));
        Assert.True(LabelNames.AreIndices(["LABEL_0", "1"]));
        Assert.False(LabelNames.AreIndices(["1", "0"]));
        // Names that are numbers are names first, and indices where they are none of the head's.
        Assert.Equal([1, 0], LabelNames.Places(["1", "0"], ["0", "1"])!);
        Assert.Equal([0, 1], LabelNames.Places(["no", "yes"], ["0", "1"])!);
        Assert.Null(LabelNames.Places(["no", "yes"], ["1", "2"]));
    }
}
