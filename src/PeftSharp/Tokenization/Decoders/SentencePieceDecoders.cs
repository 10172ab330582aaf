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
