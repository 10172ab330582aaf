using System.Text;

namespace PeftSharp.Generation;

/// <summary>An answer's text as its tokens come: whole characters alone, nothing that may yet turn out to be a stop text.</summary>
/// <param name="read">Takes a token, and yields the text that is certain by now.</param>
/// <param name="rest">What was held back at the end.</param>
/// <param name="stops">Texts that end the answer.</param>
internal sealed class AnswerText(Func<int, string> read, Func<string> rest, IReadOnlyList<string> stops)
{
    private readonly StringBuilder _text = new();
    private int _given;

    /// <summary>True once a stop text came.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>The text so far.</summary>
    public string Text => _text.ToString();

    /// <summary>Takes the next token in.</summary>
    /// <returns>What may be shown now; empty where more has to come first.</returns>
    public string Add(int id)
    {
        if (IsStopped) return "";
        Take(read(id));
        return Give(last: false);
    }

    /// <summary>The answer has ended: what was held back.</summary>
    public string End()
    {
        if (!IsStopped) Take(rest());
        return Give(last: true);
    }

    private void Take(string news)
    {
        if (news.Length == 0) return;
        var text = _text.Append(news).ToString();
        var at = stops.Select(stop => text.IndexOf(stop, Math.Min(_given, text.Length), StringComparison.Ordinal)).Where(found =>
            found >= 0).DefaultIfEmpty(-1).Min();
        if (at < 0) return;
        IsStopped = true;
        _text.Length = at;
    }

    private string Give(bool last)
    {
        var end = last || IsStopped ? _text.Length : _text.Length - HeldBack();
        if (end <= _given) return "";
        var piece = _text.ToString(_given, end - _given);
        _given = end;
        return piece;
    }

    // Characters at the end that a stop text begins with.
    private int HeldBack()
    {
        var text = Text;
        for (var length = Math.Min(text.Length - _given, stops.Select(stop =>
            stop.Length - 1).DefaultIfEmpty(0).Max()); length > 0; length--)
            if (stops.Any(stop => stop.Length > length && stop.AsSpan().StartsWith(text.AsSpan(text.Length - length)))) return length;
        return 0;
    }
}
