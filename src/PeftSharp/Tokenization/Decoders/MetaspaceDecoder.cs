
namespace PeftSharp.Tokenization.Decoders;

/// <summary>Signs become spaces again, those of the first token nothing where one was put before the text.</summary>
internal sealed class MetaspaceDecoder(char sign, bool prepends) : IDecoder
{
    public void Decode(List<string> tokens)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            tokens[i] = i == 0 && prepends ? tokens[i].Replace(sign.ToString(), "", StringComparison.Ordinal)
                : tokens[i].Replace(sign, ' ');
        }
    }
}
