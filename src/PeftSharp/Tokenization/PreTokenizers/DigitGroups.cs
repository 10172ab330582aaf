namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>Sets apart every three of the digits 0 to 9 that follow each other, from the left: Falcon's last step.</summary>
internal sealed class DigitGroups : Splitter
{
    /// <summary>How tokenizer.json writes it.</summary>
    public const string Pattern = "[0-9][0-9][0-9]";

    protected override void Split(ReadOnlySpan<char> piece, int origin, PreTokenizedText output)
    {
        var (start, at) = (0, 0);
        while (at + 3 <= piece.Length)
        {
            if (piece.Slice(at, 3).ContainsAnyExceptInRange('0', '9'))
            {
                at++;
                continue;
            }
            output.Add(origin + start, origin + at);
            output.Add(origin + at, origin + at + 3);
            start = at += 3;
        }
        output.Add(origin + start, origin + piece.Length);
    }
}
