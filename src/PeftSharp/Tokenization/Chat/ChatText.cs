namespace PeftSharp.Tokenization.Chat;

/// <summary>A conversation as a template writes it.</summary>
public sealed class ChatText
{
    internal ChatText(string text, bool[] isSaid) => (Text, IsSaid) = (text, isSaid);

    /// <summary>The text as a whole.</summary>
    public string Text { get; }

    /// <summary>Which UTF-16 units came from what was said rather than from the template: no special token is found in them.</summary>
    internal bool[] IsSaid { get; }
}
