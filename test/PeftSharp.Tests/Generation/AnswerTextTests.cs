using PeftSharp.Generation;

namespace PeftSharp.Tests.Generation;

public sealed class AnswerTextTests
{
    // A token is a character here; that tokens may be parts of one is the tokenizer's business.
    private static AnswerText Answer(params string[] stops) => new(id => ((char)id).ToString(), () => "", stops);

    [Fact]
    public void Nothing_Of_A_Stop_Text_Is_Shown()
    {
        var answer = Answer("END", "two");
        string[] pieces = [.. "one END two".Select(c => answer.Add(c)), answer.End()];
        Assert.True(answer.IsStopped);
        Assert.Equal("one ", string.Concat(pieces));
        Assert.Equal("one ", answer.Text);
    }

    [Fact]
    public void What_Only_Looks_Like_A_Stop_Text_Is_Held_Back_And_Given()
    {
        var answer = Answer("</s>");
        string[] given = [.. "a</sb".Select(c => answer.Add(c))];
        Assert.Equal(["a", "", "", "", "</sb"], given);
        Assert.Equal("", answer.End());
        var ends = Answer("</s>");
        Assert.Equal("x", string.Concat("x</".Select(c => ends.Add(c))));
        Assert.Equal("</", ends.End());
    }
}
