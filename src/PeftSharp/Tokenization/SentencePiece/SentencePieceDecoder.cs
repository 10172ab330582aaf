using System.Text;
using PeftSharp.Tokenization.Decoders;
using PeftSharp.Tokenization.Models;

namespace PeftSharp.Tokenization.SentencePiece;

/// <summary>Pieces to text as SentencePiece has it: the space that was put before a text goes, bytes become UTF-8, an unknown token its
/// sign.</summary>
internal sealed class SentencePieceDecoder(SentencePieceFile file) : IDecoder
{
    private readonly string unknown = file.Pieces[file.UnknownId].Text;

    public void Decode(List<string> tokens)
    {
        var (text, bytes) = (new StringBuilder(), new List<byte>());
        var (atStart, seen) = (true, false);
        foreach (var token in tokens)
        {
            if (file.ByteFallback && ByteTokens.TryParse(token, out var value))
            {
                bytes.Add(value);
                continue;
            }
            Flush(bytes, text);
            atStart &= !seen && text.Length == 0;
            if (token == unknown)
            {
                text.Append(file.UnknownText);
                continue;
            }
            var from = 0;
            if (atStart && (file.AddsSpace || file.RemovesSpaces) && token.StartsWith(SentencePieceNormalizer.Space))
            {
                from = 1;
                seen = !file.RemovesSpaces;
            }
            text.Append(token.AsSpan(from).ToString().Replace(SentencePieceNormalizer.Space, ' '));
        }
        Flush(bytes, text);
        tokens.Clear();
        tokens.Add(text.ToString());
    }

    // Each byte that begins no character is a U+FFFD of its own.
    private static void Flush(List<byte> bytes, StringBuilder text)
    {
        for (ReadOnlySpan<byte> rest = [.. bytes]; rest.Length > 0;)
        {
            if (Rune.DecodeFromUtf8(rest, out var rune, out var used) != System.Buffers.OperationStatus.Done)
            {
                used = 1;
            }
            text.Append(rune);
            rest = rest[used..];
        }
        bytes.Clear();
    }
}
