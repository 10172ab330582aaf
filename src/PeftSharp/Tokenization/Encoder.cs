using PeftSharp.Tokenization.Models;
using PeftSharp.Tokenization.PreTokenizers;

namespace PeftSharp.Tokenization;

/// <summary>Runs a pipeline over texts with buffers of its own. One thread at a time.</summary>
internal sealed class Encoder(Pipeline pipeline)
{
    private readonly PreTokenizedText words = new();
    private readonly WordCache cache = new(pipeline.Model);
    private readonly TokenList first = new(), second = new();
    private int[] codePoints = [];
    private bool[] said = [], saidInWords = [];

    public TokenizedText Encode(string text, string? pair, bool addSpecialTokens, int? maxLength)
    {
        var room = int.MaxValue;
        if (maxLength is { } most)
        {
            var special = addSpecialTokens ? pipeline.PostProcessor.SpecialTokens(pair is not null) : 0;
            room = most - special;
            ArgumentOutOfRangeException.ThrowIfNegative(most, nameof(maxLength));
            if (room < 0)
            {
                throw new ArgumentOutOfRangeException(nameof(maxLength), most,
                    $"A maximum length of {most} leaves no room for the {special} special tokens: allow at least {special}.");
            }
        }
        Tokenize(text, first);
        if (pair is not null)
        {
            Tokenize(pair, second);
        }
        var truncated = Truncation.Apply(first, pair is null ? null : second, room, pipeline.Settings.TruncateLeft);
        var encoding = pipeline.PostProcessor.Process(first, pair is null ? null : second, addSpecialTokens, truncated);
        if (pipeline.Settings.WithoutTypeIds)
        {
            Array.Clear(encoding.TypeIds);
        }
        return encoding;
    }

    /// <summary>Encodes a text of which some units hold no special tokens, whatever they spell.</summary>
    public TokenizedText Encode(string text, bool[] said)
    {
        this.said = said;
        try
        {
            return Encode(text, null, addSpecialTokens: false, null);
        }
        finally
        {
            this.said = [];
        }
    }

    private void Tokenize(string text, TokenList output)
    {
        output.Clear();
        var at = 0;
        if (pipeline.RawTokens is { } raw)
        {
            while (raw.Next(text, at, out var start, out var end, said) is { } token)
            {
                TokenizeStretch(text, at, start, output);
                output.Add(token.Id, start, end);
                at = end;
            }
        }
        TokenizeStretch(text, at, text.Length, output);
        CountCodePoints(text, output);
    }

    private void TokenizeStretch(string text, int from, int to, TokenList output)
    {
        if (from >= to)
        {
            return;
        }
        var normalized = words.Text;
        normalized.Reset(text.AsSpan(from, to - from), from);
        pipeline.Normalizer?.Normalize(normalized);
        FindNormalizedTokens();
        pipeline.PreTokenizer?.Apply(words);
        foreach (var piece in words.Pieces)
        {
            if (piece.TokenId >= 0)
            {
                output.Add(piece.TokenId, normalized.SourceStart(piece.Start), normalized.SourceEnd(piece.End - 1));
                continue;
            }
            foreach (var token in cache.Tokenize(normalized.Chars[piece.Start..piece.End]))
            {
                output.Add(token.Id, normalized.SourceStart(piece.Start + token.Start), normalized.SourceEnd(piece.Start + token.End - 1));
            }
        }
    }

    private void FindNormalizedTokens()
    {
        var chars = words.Text.Chars;
        var at = 0;
        words.BeginDivision();
        if (pipeline.NormalizedTokens is { } matcher)
        {
            while (matcher.Next(chars, at, out var start, out var end, SaidInWords(chars.Length)) is { } token)
            {
                words.Add(at, start);
                words.Add(new Piece(start, end, token.Id));
                at = end;
            }
        }
        words.Add(at, chars.Length);
        words.EndDivision();
    }

    private ReadOnlySpan<bool> SaidInWords(int length)
    {
        if (said.Length == 0)
        {
            return [];
        }
        if (saidInWords.Length < length)
        {
            saidInWords = new bool[length * 2];
        }
        for (var i = 0; i < length; i++)
        {
            saidInWords[i] = said[words.Text.SourceStart(i)];
        }
        return saidInWords.AsSpan(0, length);
    }

    // Offsets count code points; they are UTF-16 units up to here, which differs only where a text has surrogate pairs.
    private void CountCodePoints(string text, TokenList output)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return;
        }
        if (codePoints.Length <= text.Length)
        {
            codePoints = new int[text.Length * 2];
        }
        var count = 0;
        for (var at = 0; at < text.Length; at++)
        {
            codePoints[at] = count;
            count += at + 1 < text.Length && char.IsSurrogatePair(text[at], text[at + 1]) ? 0 : 1;
        }
        codePoints[text.Length] = count;
        foreach (ref var offset in output.Offsets)
        {
            offset = (codePoints[offset.Start], codePoints[offset.End]);
        }
    }
}
