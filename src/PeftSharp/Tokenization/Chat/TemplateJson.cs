using System.Collections;
using System.Globalization;
using System.Text;

namespace PeftSharp.Tokenization.Chat;

/// <summary>Values as JSON the way Python's json module writes it: spaces after commas and colons, nothing escaped that need not
/// be.</summary>
internal static class TemplateJson
{
    private const int Deepest = 64;

    /// <summary>Writes a value. What holds anything said counts as said.</summary>
    /// <param name="value">The value.</param>
    /// <param name="indent">Spaces of each level; null for one line.</param>
    /// <param name="quote">The sign around texts; an apostrophe makes Python's own notation, with None, True and False.</param>
    public static TemplateText Write(object? value, int? indent, char quote = '"')
    {
        var (text, said) = (new StringBuilder(), false);
        Write(value, 0);
        return said ? TemplateText.Said(text.ToString()) : TemplateText.Own(text.ToString());

        void Write(object? item, int level)
        {
            if (level > Deepest)
            {
                throw new PeftException($"A chat template writes a value deeper than {Deepest} lists and maps; check the messages.");
            }
            switch (item)
            {
                case null or TemplateValues.Undefined:
                    text.Append(quote == '"' ? "null" : "None");
                    break;
                case bool truth:
                    text.Append(quote == '"' ? truth ? "true" : "false" : truth ? "True" : "False");
                    break;
                case long number:
                    text.Append(number.ToString(CultureInfo.InvariantCulture));
                    break;
                case double number:
                    text.Append(TemplateValues.Number(number));
                    break;
                case TemplateText inner:
                    said |= inner.HasSaid;
                    WriteText(inner.Value);
                    break;
                case Dictionary<string, object?> map:
                    WriteItems('{', '}', level, map.Select<KeyValuePair<string, object?>, Action>(entry => () =>
                    {
                        WriteText(entry.Key);
                        text.Append(": ");
                        Write(entry.Value, level + 1);
                    }));
                    break;
                case IEnumerable list:
                    WriteItems('[', ']', level, list.Cast<object?>().Select<object?, Action>(inner => () => Write(inner, level + 1)));
                    break;
                default:
                    text.Append(TemplateValues.Kind(item));
                    break;
            }
        }

        void WriteItems(char open, char close, int level, IEnumerable<Action> items)
        {
            text.Append(open);
            var any = false;
            foreach (var item in items)
            {
                text.Append(any ? indent is null ? ", " : "," : "");
                Break(level + 1);
                item();
                any = true;
            }
            if (any)
            {
                Break(level);
            }
            text.Append(close);
        }

        void Break(int level)
        {
            if (indent is { } spaces)
            {
                text.Append('\n').Append(' ', spaces * level);
            }
        }

        void WriteText(string inner)
        {
            text.Append(quote);
            foreach (var unit in inner)
            {
                text.Append(unit switch
                {
                    '\n' => "\\n",
                    '\r' => "\\r",
                    '\t' => "\\t",
                    '\\' => "\\\\",
                    '\b' when quote == '"' => "\\b",
                    '\f' when quote == '"' => "\\f",
                    < ' ' => $"\\u{(int)unit:x4}",
                    _ when unit == quote => $"\\{unit}",
                    _ => unit.ToString(),
                });
            }
            text.Append(quote);
        }
    }
}
