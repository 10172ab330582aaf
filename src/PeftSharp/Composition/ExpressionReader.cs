using System.Globalization;
using System.Text;
using PeftSharp.Files;
using PeftSharp.Sites;

namespace PeftSharp.Composition;

/// <summary>Reads expressions of adapters; depth and length are bounded.</summary>
internal sealed class ExpressionReader(string text)
{
    private const int Longest = 1 << 15;

    private static readonly CompositionKind[] Composed = [CompositionKind.Stack, CompositionKind.Average, CompositionKind.Fuse,
        CompositionKind.Split];

    private int _at, _depth, _count;

    /// <summary>True if a text begins with <c>stack(</c>, <c>fuse[</c> and the like.</summary>
    public static bool StartsComposition(string text) => WordAt(text, Start(text)) is not null;

    /// <summary>A name as it stands in an expression.</summary>
    public static string Quote(string name)
    {
        var plain = name.Length > 0 && name.AsSpan().IndexOfAny(",()[]\"") < 0 && name.Trim() == name && !EndsInNumber(name);
        return plain ? name : $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    /// <summary>Reads the whole text.</summary>
    /// <exception cref="PeftException">It is no expression.</exception>
    public AdapterExpression Read()
    {
        if (text.Length > Longest)
            throw new PeftException($"An expression of adapters has {text.Length:N0} characters; at most {Longest:N0} are allowed.");
        var read = ReadPart();
        SkipBlanks();
        return _at == text.Length ? read : throw Bad("the end");
    }

    private AdapterExpression ReadPart()
    {
        SkipBlanks();
        if (WordAt(text, _at) is not { } kind) return ReadName();
        if (++_depth > AdapterComposition.MostDepth)
            throw new PeftException($"The expression {Shown} is more than {AdapterComposition.MostDepth} deep; nest less.");
        _at += kind.ToString().Length;
        var name = kind == CompositionKind.Fuse && Take('[') ? ReadFusionName() : null;
        Need('(');
        var (children, numbers) = (new List<AdapterExpression>(), new List<double?>());
        do
        {
            children.Add(ReadPart());
            numbers.Add(ReadNumber(kind));
        }
        while (Take(','));
        Need(')');
        _depth--;
        return Make(kind, name, children, numbers);
    }

    private AdapterExpression Make(CompositionKind kind, string? name, List<AdapterExpression> children, List<double?> numbers)
    {
        var given = numbers.Count(number => number is not null);
        switch (kind)
        {
            case CompositionKind.Stack or CompositionKind.Fuse:
                return kind == CompositionKind.Stack ? AdapterExpression.Stack(children) : AdapterExpression.Fuse(name, children);
            case CompositionKind.Average:
                if (given != 0 && given != numbers.Count) throw Wrong("an average has a weight for each part or for none");
                return AdapterExpression.Average(children, [.. numbers.Select(number => number ?? 1)]);
            default:
                if (given != numbers.Count - 1 || numbers[^1] is not null)
                    throw Wrong("a split has a number of tokens for each part but the last, which takes what is left: split(a:12,b)");
                if (numbers.Take(given).Any(n => n is not (>= 1 and <= 1 << 20) || n % 1 != 0))
                    throw Wrong("tokens of a split are whole numbers from 1");
                return AdapterExpression.Split(children, [.. numbers.Take(given).Select(n => n!.Value)]);
        }
    }

    private AdapterExpression ReadName()
    {
        if (++_count > AdapterComposition.MostAdapters)
            throw new PeftException($"The expression {Shown} names more than {AdapterComposition.MostAdapters} adapters; name fewer.");
        if (_at < text.Length && text[_at] == '"') return AdapterExpression.Of(ReadQuoted());
        var run = Run();
        // A colon may belong to a path: it begins a number only where a number follows.
        var colon = run.LastIndexOf(':');
        if (colon > 0 && IsNumber(run[(colon + 1)..])) run = run[..colon];
        _at += run.Length;
        return run.Trim().Length > 0 ? AdapterExpression.Of(run.Trim()) : throw Bad("a name of an adapter");
    }

    private string ReadFusionName()
    {
        SkipBlanks();
        string name;
        if (_at < text.Length && text[_at] == '"') name = ReadQuoted();
        else
        {
            var run = Run();
            _at += run.Length;
            name = run.Trim();
        }
        Need(']');
        return name.Length > 0 ? name : throw Bad("the name of a fusion");
    }

    private double? ReadNumber(CompositionKind kind)
    {
        if (!Take(':')) return null;
        if (kind is CompositionKind.Stack or CompositionKind.Fuse) throw Wrong($"a {kind.ToString().ToLowerInvariant()} has no weights");
        var run = Run();
        if (!double.TryParse(run.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) || !double.IsFinite(number))
            throw Bad("a finite number");
        _at += run.Length;
        return number;
    }

    private string ReadQuoted()
    {
        var name = new StringBuilder();
        for (_at++; _at < text.Length; _at++)
        {
            if (text[_at] != '"') name.Append(text[_at]);
            else if (_at + 1 < text.Length && text[_at + 1] == '"') name.Append(text[_at++]);
            else
            {
                _at++;
                return name.Length > 0 ? name.ToString() : throw Bad("a name between the quotes");
            }
        }
        throw Bad("a closing quote");
    }

    // Up to what ends a name.
    private string Run()
    {
        var length = text.AsSpan(_at).IndexOfAny(",()[]\"");
        return length < 0 ? text[_at..] : text.Substring(_at, length);
    }

    private bool Take(char expected)
    {
        SkipBlanks();
        if (_at >= text.Length || text[_at] != expected) return false;
        _at++;
        return true;
    }

    private void Need(char expected)
    {
        if (!Take(expected)) throw Bad($"\"{expected}\"");
    }

    private void SkipBlanks() => _at += Start(text.AsSpan(_at));

    private static int Start(ReadOnlySpan<char> text)
    {
        var at = 0;
        while (at < text.Length && char.IsWhiteSpace(text[at])) at++;
        return at;
    }

    private static CompositionKind? WordAt(string text, int at)
    {
        foreach (var kind in Composed)
        {
            var word = kind.ToString();
            if (string.Compare(text, at, word, 0, word.Length, StringComparison.OrdinalIgnoreCase) != 0) continue;
            var next = at + word.Length + Start(text.AsSpan(Math.Min(text.Length, at + word.Length)));
            if (next < text.Length && (text[next] == '(' || text[next] == '[' && kind == CompositionKind.Fuse)) return kind;
        }
        return null;
    }

    private static bool EndsInNumber(string name) => name.LastIndexOf(':') is > 0 and var colon && IsNumber(name[(colon + 1)..]);

    private static bool IsNumber(string text) => double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out _);

    private string Shown => Quoted.Name(text.Length > 120 ? text[..117] + "..." : text);

    private PeftException Wrong(string why) => new($"The expression {Shown} makes no sense: {why}.");

    private PeftException Bad(string expected) =>
        new($"The expression {Shown} goes wrong at character {_at + 1}: expected {expected}; "
            + "see stack(a,b), average(a:0.3,b:0.7), fuse(a,b), split(a:12,b).");
}
