using System.Text;
using PeftSharp.Tokenization.Models;

namespace PeftSharp.Tokenization.Decoders;

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
