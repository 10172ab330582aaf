
namespace PeftSharp.Tokenization.Decoders;

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
