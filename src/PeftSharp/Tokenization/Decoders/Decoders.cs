using System.Text;
using PeftSharp.Tokenization.Models;

namespace PeftSharp.Tokenization.Decoders;

/// <summary>One step from tokens back to text; the results of the last step are joined.</summary>
internal interface IDecoder
{
    void Decode(List<string> tokens);
}

/// <summary>Several decoders, one after another.</summary>
internal sealed class DecoderSequence(IReadOnlyList<IDecoder> steps) : IDecoder
{
    public void Decode(List<string> tokens)
    {
        foreach (var step in steps)
        {
            step.Decode(tokens);
        }
    }
}

/// <summary>Puts spaces between tokens that nothing else joins.</summary>
internal sealed class SpaceDecoder : IDecoder
{
    public void Decode(List<string> tokens)
    {
        for (var i = 1; i < tokens.Count; i++)
        {
            tokens[i] = " " + tokens[i];
        }
    }
}

/// <summary>Turns stand-ins for bytes back into UTF-8; broken sequences become U+FFFD.</summary>
internal sealed class ByteLevelDecoder : IDecoder
{
    public void Decode(List<string> tokens)
    {
        var bytes = new List<byte>();
        foreach (var token in tokens)
        {
            var start = bytes.Count;
            foreach (var unit in token)
            {
                if (!ByteAlphabet.TryGetByte(unit, out var value))
                {
                    // An added token that is plain text.
                    bytes.RemoveRange(start, bytes.Count - start);
                    bytes.AddRange(System.Text.Encoding.UTF8.GetBytes(token));
                    break;
                }
                bytes.Add(value);
            }
        }
        tokens.Clear();
        tokens.Add(System.Text.Encoding.UTF8.GetString([.. bytes]));
    }
}

/// <summary>Joins continuations to their words and, with <paramref name="cleanUp"/>, takes out spaces before punctuation.</summary>
internal sealed class WordPieceDecoder(string prefix, bool cleanUp) : IDecoder
{
    private static readonly (string Found, string Instead)[] cleanings =
    [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"),
        (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ];

    public void Decode(List<string> tokens)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i];
            if (i > 0)
            {
                token = token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
            }
            tokens[i] = cleanUp ? cleanings.Aggregate(token, (text, cleaning) => text.Replace(cleaning.Found, cleaning.Instead)) : token;
        }
    }
}
