namespace PeftSharp.Tokenization;

/// <summary>Turns tokens into text as they come; see <see cref="Tokenizer.DecodeStream"/>. One thread at a time.</summary>
/// <remarks>
/// Text is held back while its last character may still change: a character of several tokens, or a token whose spelling depends on the
/// next.
/// </remarks>
public sealed class TokenStream
{
    private const char Broken = '\uFFFD';

    private readonly Tokenizer tokenizer;
    private readonly bool skipSpecialTokens;
    private readonly List<int> ids = [];

    // Of ids: what was decoded before, whose text was given out, and where the tokens begin that came since.
    private string given = "";
    private int since;

    internal TokenStream(Tokenizer tokenizer, bool skipSpecialTokens) =>
        (this.tokenizer, this.skipSpecialTokens) = (tokenizer, skipSpecialTokens);

    /// <summary>Takes a token.</summary>
    /// <param name="id">Its id.</param>
    /// <returns>The text that is certain by now and was not given out before; often empty.</returns>
    public string Add(int id)
    {
        ids.Add(id);
        var text = Decoded(ids);
        if (text.Length <= given.Length || text[^1] == Broken || !text.StartsWith(given, StringComparison.Ordinal))
        {
            return "";
        }
        var news = text[given.Length..];
        // The tokens given out last stay, so that what follows is decoded as it is behind them.
        ids.RemoveRange(0, since);
        since = ids.Count;
        given = Decoded(ids);
        return news;
    }

    /// <summary>Ends the text.</summary>
    /// <returns>What was held back; of a character that was never completed, U+FFFD.</returns>
    public string Finish()
    {
        var text = Decoded(ids);
        var news = text.Length > given.Length && text.StartsWith(given, StringComparison.Ordinal) ? text[given.Length..] : "";
        ids.Clear();
        (given, since) = ("", 0);
        return news;
    }

    private string Decoded(List<int> tokens) =>
        tokenizer.Decode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(tokens), skipSpecialTokens);
}
