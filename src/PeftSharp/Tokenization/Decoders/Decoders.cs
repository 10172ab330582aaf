
namespace PeftSharp.Tokenization.Decoders;

/// <summary>One step from tokens back to text; the results of the last step are joined.</summary>
internal interface IDecoder
{
    void Decode(List<string> tokens);
}
