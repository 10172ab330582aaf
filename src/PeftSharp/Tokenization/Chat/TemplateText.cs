namespace PeftSharp.Tokenization.Chat;

/// <summary>A text of a template that knows which of its units came from what was said. Immutable.</summary>
internal sealed class TemplateText
{
    private readonly bool[]? said; // null: none, or all where allSaid
    private readonly bool allSaid;

    private TemplateText(string value, bool[]? said, bool allSaid) => (Value, this.said, this.allSaid) = (value, said, allSaid);

    /// <summary>The text.</summary>
    public string Value { get; }

    /// <summary>True if any of it was said.</summary>
    public bool HasSaid => allSaid || said is not null;

    /// <summary>A text of the template itself.</summary>
    public static TemplateText Own(string value) => new(value, null, false);

    /// <summary>A text that was said.</summary>
    public static TemplateText Said(string value) => new(value, null, value.Length > 0);

    /// <summary>Whether a unit was said.</summary>
    public bool IsSaid(int index) => allSaid || said is not null && said[index];

    /// <summary>A part.</summary>
    public TemplateText Slice(int start, int length)
    {
        if (length <= 0)
        {
            return Own("");
        }
        var value = Value.Substring(start, length);
        return said is null ? new(value, null, allSaid) : new(value, said[start..(start + length)], false);
    }

    /// <summary>The text with each unit in another case.</summary>
    public TemplateText Map(Func<string, string> change) => change(Value) is var changed && changed.Length == Value.Length
        ? new(changed, said, allSaid) : HasSaid ? Said(changed) : Own(changed);

    /// <summary>Several texts as one.</summary>
    public static TemplateText Concat(params ReadOnlySpan<TemplateText> parts)
    {
        var length = 0;
        var any = false;
        foreach (var part in parts)
        {
            length += part.Value.Length;
            any |= part.HasSaid;
        }
        var (units, marks, at) = (new char[length], any ? new bool[length] : null, 0);
        foreach (var part in parts)
        {
            part.Value.CopyTo(units.AsSpan(at));
            for (var i = 0; marks is not null && i < part.Value.Length; i++)
            {
                marks[at + i] = part.IsSaid(i);
            }
            at += part.Value.Length;
        }
        return new(new string(units), marks, false);
    }

    /// <inheritdoc/>
    public override string ToString() => Value;
}
