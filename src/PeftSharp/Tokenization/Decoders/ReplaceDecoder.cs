
namespace PeftSharp.Tokenization.Decoders;

/// <summary>Replaces a string in each token.</summary>
internal sealed class ReplaceDecoder(string pattern, string content) : IDecoder
{
    public void Decode(List<string> tokens)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            tokens[i] = tokens[i].Replace(pattern, content, StringComparison.Ordinal);
        }
    }
}
