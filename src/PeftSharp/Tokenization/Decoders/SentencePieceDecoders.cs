using System.Text;
using PeftSharp.Tokenization.Models;

namespace PeftSharp.Tokenization.Decoders;

/// <summary>Runs of byte tokens become the text that they are in UTF-8; a run that is none, a U+FFFD for each byte.</summary>
internal sealed class ByteFallbackDecoder : IDecoder
{
    private static readonly UTF8Encoding strict = new(false, throwOnInvalidBytes: true);

    public void Decode(List<string> tokens)
    {
        var (result, run) = (new List<string>(tokens.Count), new List<byte>());
        foreach (var token in tokens)
        {
            if (ByteTokens.TryParse(token, out var value))
            {
                run.Add(value);
                continue;
            }
            Flush(run, result);
            result.Add(token);
        }
        Flush(run, result);
        tokens.Clear();
        tokens.AddRange(result);
    }

    private static void Flush(List<byte> run, List<string> result)
    {
        if (run.Count == 0)
        {
            return;
        }
        try
        {
            result.Add(strict.GetString([.. run]));
        }
        catch (DecoderFallbackException)
        {
            result.Add(new string('\uFFFD', run.Count));
        }
        run.Clear();
    }
}

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

/// <summary>Takes up to so many of a character from the ends of each token.</summary>
internal sealed class StripDecoder(char content, int atStart, int atEnd) : IDecoder
{
    public void Decode(List<string> tokens)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i];
            var (start, end) = (0, token.Length);
            while (start < Math.Min(atStart, end) && token[start] == content)
            {
                start++;
            }
            while (end > start && token.Length - end < atEnd && token[end - 1] == content)
            {
                end--;
            }
            tokens[i] = token[start..end];
        }
    }
}

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
