
namespace PeftSharp.Tokenization.Unicode;

/// <summary>What a tokenizer's rules tell apart.</summary>
internal enum CharKind : byte
{
    Other,
    Letter,
    Number,
    Space,
}
