
namespace PeftSharp.Tokenization.Decoders;

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
