namespace PeftSharp.Tests.Files;

public sealed class PrintableTests
{
    [Theory]
    [InlineData("a\u001b[31mred", "a?[31mred")]
    [InlineData("two\r\nlines", "two??lines")]
    [InlineData("bell\a nul\0 c1\u009b2J", "bell? nul? c1?2J")]
    [InlineData("right\u202Eleft\u2066x\u200f", "right?left?x?")]
    [InlineData("\u2028 \u2029 \ufeff", "? ? ?")]
    [InlineData("한국어 é 👩‍🚀", "한국어 é 👩‍🚀")]
    public void Only_Visible_Characters_Of_One_Line_Are_Left(string text, string shown) => Assert.Equal(shown, Printable.Clean(text));

    [Fact]
    public void Half_A_Surrogate_Pair_Is_No_Character() => Assert.Equal("a?b?", Printable.Clean("a\ud800b\udc00"));

    [Fact]
    public void A_Message_Is_One_Line_Whatever_It_Quotes() =>
        Assert.Equal("x.json: \"a??b\" is wrong.", new PeftException("x.json: \"a\n\u001bb\" is wrong.").Message);

    [Fact]
    public void A_Very_Long_Message_Keeps_Its_Place_And_Its_Advice()
    {
        var message = new PeftException($"x.json: \"{new string('a', 100_000)}\" is no name; do this.").Message;
        Assert.InRange(message.Length, 100, 1300);
        Assert.StartsWith("x.json: \"a", message);
        Assert.EndsWith("is no name; do this.", message);
    }
}
