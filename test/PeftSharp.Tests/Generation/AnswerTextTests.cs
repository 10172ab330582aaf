using System.Text;
using PeftSharp.Generation;

namespace PeftSharp.Tests.Generation;

public sealed class AnswerTextTests
{
    // A token is a byte here, and a first space is dropped, as SentencePiece's decoders do.
    private static string Decode(int[] ids) => Encoding.UTF8.GetString([.. ids.Select(id => (byte)id)]) is var text && text.StartsWith(' ') ? text[1..] : text;

    private static List<string> Pieces(string text, params string[] stops) => Pieces(Encoding.UTF8.GetBytes(text), out _, stops);

    private static List<string> Pieces(byte[] bytes, out AnswerText answer, params string[] stops)
    {
        answer = new AnswerText(Decode, stops);
        var pieces = new List<string>();
        foreach (var b in bytes)
        {
            pieces.Add(answer.Add(b));
            if (answer.IsStopped) break;
        }
        pieces.Add(answer.End());
        return [.. pieces.Where(piece => piece.Length > 0)];
    }

    [Theory]
    [InlineData("plain words, one by one")]
    [InlineData("한국어 🙂 naïve – é")]
    [InlineData("👩‍👩‍👧 family")]
    public void Pieces_Are_The_Text_And_Whole_Characters(string text)
    {
        var pieces = Pieces(text);
        Assert.Equal(text, string.Concat(pieces));
        Assert.True(pieces.Count > 4);
        Assert.All(pieces, piece =>
        {
            Assert.DoesNotContain('\uFFFD', piece);
            Assert.False(char.IsLowSurrogate(piece[0]) || char.IsHighSurrogate(piece[^1]));
        });
    }

    [Fact]
    public void A_Broken_End_Is_Given_As_It_Is()
    {
        var bytes = Encoding.UTF8.GetBytes("ab한")[..4];
        Assert.Equal("ab\uFFFD", string.Concat(Pieces(bytes, out _)));
    }

    [Fact]
    public void Nothing_Of_A_Stop_Text_Is_Shown()
    {
        var pieces = Pieces(Encoding.UTF8.GetBytes("one END two"), out var answer, "END", "two");
        Assert.True(answer.IsStopped);
        Assert.Equal("one ", string.Concat(pieces));
        Assert.Equal("one ", answer.Text);
    }

    [Fact]
    public void What_Only_Looks_Like_A_Stop_Text_Is_Held_Back_And_Given()
    {
        var answer = new AnswerText(Decode, ["</s>"]);
        string[] given = [.. "a</sb".Select(c => answer.Add(c))];
        Assert.Equal(["a", "", "", "", "</sb"], given);
        Assert.Equal("", answer.End());
        var ends = new AnswerText(Decode, ["</s>"]);
        Assert.Equal("x", string.Concat("x</".Select(c => ends.Add(c))));
        Assert.Equal("</", ends.End());
    }
}
