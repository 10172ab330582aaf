
namespace PeftSharp.Tokenization.Decoders;

/// <summary>Joins everything to one token, for the steps that follow.</summary>
internal sealed class FuseDecoder : IDecoder
{
    public void Decode(List<string> tokens)
    {
        var whole = string.Concat(tokens);
        tokens.Clear();
        tokens.Add(whole);
    }
}
