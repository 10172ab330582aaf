
namespace PeftSharp.Tokenization.Decoders;

/// <summary>Takes up to so many of a character from the ends of each token.</summary>
internal sealed class StripDecoder(char content, int atStart, int atEnd) : IDecoder
{
    public void Decode(List<string> tokens)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i];
            var (start, end) = (0, token.Length);
            while (start < Math.Min(atStart, end) && token[start] == content)
            {
                start++;
            }
            while (end > start && token.Length - end < atEnd && token[end - 1] == content)
            {
                end--;
            }
            tokens[i] = token[start..end];
        }
    }
}
