using System.Globalization;
using System.Text;

namespace PeftSharp.Tokenization.Chat;

/// <summary>
/// Divides a template into tokens, with the white space taken out as transformers sets Jinja: the line break after a statement goes, and so
/// does
/// what stands before one on its line.
/// </summary>
internal sealed class TemplateLexer(string name, string source)
{
    private const int MostTokens = 200_000;

    private static readonly string[] signs = ["==", "!=", "<=", ">=", "//", "**", "(", ")", "[", "]", "{", "}", ",", ":", ".", "|", "~",
        "+", "-", "*", "/", "%", "=", "<", ">"];

    private readonly string text = WithoutLastLineBreak(source.Replace("\r\n", "\n", StringComparison.Ordinal));
    private readonly List<TemplateToken> tokens = [];
    private int at, line = 1;

    /// <summary>The tokens, the last of them an end.</summary>
    public List<TemplateToken> Read()
    {
        var trimNext = false;
        while (at < text.Length)
        {
            var open = NextOpening();
            var data = text[at..open];
            var (start, isBlock) = (at, open < text.Length && text[open + 1] != '{');
            var mark = open + 2 < text.Length ? text[open + 2] : '\0';
            if (open < text.Length && mark == '-')
            {
                data = data.TrimEnd();
            }
            else if (open < text.Length && isBlock && mark != '+')
            {
                data = WithoutIndent(data, start == 0 || text[start - 1] == '\n');
            }
            data = trimNext ? data.TrimStart() : data;
            if (data.Length > 0)
            {
                Add(TemplateTokenKind.Data, data);
            }
            Skip(open);
            trimNext = open < text.Length && ReadMarked(mark is '-' or '+' ? 3 : 2);
        }
        Add(TemplateTokenKind.End, "");
        return tokens;
    }

    private static string WithoutLastLineBreak(string text) => text.EndsWith('\n') ? text[..^1] : text;

    private static string WithoutIndent(string data, bool fromLineStart)
    {
        var lineStart = data.LastIndexOf('\n') + 1;
        return (lineStart > 0 || fromLineStart) && data.AsSpan(lineStart).Trim().IsEmpty ? data[..lineStart] : data;
    }

    private int NextOpening()
    {
        for (var found = at; (found = text.IndexOf('{', found)) >= 0 && found + 1 < text.Length; found++)
        {
            if (text[found + 1] is '{' or '%' or '#')
            {
                return found;
            }
        }
        return text.Length;
    }

    // Statement, output or comment; true if the white space after it goes.
    private bool ReadMarked(int length)
    {
        var kind = text[at + 1];
        Skip(at + length);
        if (kind == '#')
        {
            var end = text.IndexOf("#}", at, StringComparison.Ordinal);
            if (end < 0)
            {
                throw Bad("opens a comment that nothing closes; expected #}");
            }
            var trims = end > 0 && text[end - 1] == '-';
            Skip(end + 2);
            SkipLineBreak(!trims);
            return trims;
        }
        Add(kind == '{' ? TemplateTokenKind.OutputStart : TemplateTokenKind.BlockStart, "");
        var (close, depth) = (kind == '{' ? "}}" : "%}", 0);
        while (true)
        {
            while (at < text.Length && char.IsWhiteSpace(text[at]))
            {
                Skip(at + 1);
            }
            if (at >= text.Length)
            {
                throw Bad($"ends inside {(kind == '{' ? "{{ … }}" : "{% … %}")}");
            }
            var trims = text[at] == '-' && Matches(at + 1, close);
            if (depth == 0 && (trims || Matches(at, close)))
            {
                Skip(at + (trims ? 3 : 2));
                Add(kind == '{' ? TemplateTokenKind.OutputEnd : TemplateTokenKind.BlockEnd, "");
                SkipLineBreak(kind == '%' && !trims);
                return trims;
            }
            ReadToken();
            depth += tokens[^1] is { Kind: TemplateTokenKind.Sign, Text: "{" } ? 1
                : tokens[^1] is { Kind: TemplateTokenKind.Sign, Text: "}" } ? -1 : 0;
        }
    }

    private void ReadToken()
    {
        var first = text[at];
        if (char.IsAsciiLetter(first) || first == '_')
        {
            var end = at;
            while (end < text.Length && (char.IsAsciiLetterOrDigit(text[end]) || text[end] == '_'))
            {
                end++;
            }
            Add(TemplateTokenKind.Name, text[at..end]);
            at = end;
        }
        else if (char.IsAsciiDigit(first))
        {
            ReadNumber();
        }
        else if (first is '\'' or '"')
        {
            ReadText(first);
        }
        else if (signs.FirstOrDefault(sign => Matches(at, sign)) is { } sign)
        {
            Add(TemplateTokenKind.Sign, sign);
            at += sign.Length;
        }
        else
        {
            throw Bad($"has the sign {Printable.Cut(first.ToString(), 4)}, which no expression has");
        }
    }

    private void ReadNumber()
    {
        var end = at;
        while (end < text.Length && char.IsAsciiDigit(text[end]))
        {
            end++;
        }
        var isWhole = !(end + 1 < text.Length && text[end] == '.' && char.IsAsciiDigit(text[end + 1]));
        if (!isWhole)
        {
            for (end++; end < text.Length && char.IsAsciiDigit(text[end]);)
            {
                end++;
            }
        }
        if (end - at > 18)
        {
            throw Bad("has a number of more than 18 digits");
        }
        Add(isWhole ? TemplateTokenKind.Integer : TemplateTokenKind.Number, text[at..end]);
        at = end;
    }

    private void ReadText(char quote)
    {
        var (value, start) = (new StringBuilder(), line);
        for (Skip(at + 1); ; Skip(at + 1))
        {
            if (at >= text.Length)
            {
                throw new TemplateProblem(start, "opens a text that nothing closes").In(name);
            }
            if (text[at] == quote)
            {
                Skip(at + 1);
                Add(TemplateTokenKind.Text, value.ToString());
                return;
            }
            if (text[at] != '\\' || at + 1 >= text.Length)
            {
                value.Append(text[at]);
                continue;
            }
            Skip(at + 1);
            value.Append(Escape());
        }
    }

    private string Escape()
    {
        switch (text[at])
        {
            case 'n': return "\n";
            case 't': return "\t";
            case 'r': return "\r";
            case '\\' or '\'' or '"': return text[at].ToString();
            case '\n': return "";
            case 'x' or 'u':
                var digits = text[at] == 'x' ? 2 : 4;
                if (at + digits < text.Length
                    && ushort.TryParse(text.AsSpan(at + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                    out var code))
                {
                    at += digits;
                    return ((char)code).ToString();
                }
                throw Bad("has a \\x or \\u without its digits");
            default: return $"\\{text[at]}";
        }
    }

    private bool Matches(int from, string what) => string.CompareOrdinal(text, from, what, 0, what.Length) == 0;

    private void SkipLineBreak(bool wanted)
    {
        if (wanted && at < text.Length && text[at] == '\n')
        {
            Skip(at + 1);
        }
    }

    private void Skip(int to)
    {
        line += text.AsSpan(at, to - at).Count('\n');
        at = to;
    }

    private void Add(TemplateTokenKind kind, string value)
    {
        if (tokens.Count == MostTokens)
        {
            throw Bad($"comes after {MostTokens:N0} tokens, which is the most that there may be");
        }
        tokens.Add(new(kind, value, line));
    }

    private PeftException Bad(string problem) => new TemplateProblem(line, problem).In(name);
}
