namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>One step that divides normalized text into words.</summary>
internal interface IPreTokenizer
{
    void Apply(PreTokenizedText text);
}
