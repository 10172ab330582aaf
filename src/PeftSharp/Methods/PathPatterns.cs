using System.Diagnostics;
using System.Text.RegularExpressions;

namespace PeftSharp.Methods;

/// <summary>
/// Regular expressions from files, applied to paths of modules: bounded in length, number and time, one by one and together.
/// </summary>
/// <param name="method">The method's name, for messages; empty for none.</param>
internal sealed class PathPatterns(string method)
{
    private const int Longest = 1000, Most = 1000;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1), LimitOfAll = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, Regex> _patterns = new(StringComparer.Ordinal);
    private readonly Stopwatch _spent = new();

    /// <summary>The first match of a pattern in a path.</summary>
    /// <exception cref="PeftException">It is no regular expression, too long, or takes too long.</exception>
    public Match Find(string field, string pattern, string path)
    {
        lock (_patterns)
        {
            if (!_patterns.TryGetValue(pattern, out var regex)) _patterns.Add(pattern, regex = Make(field, pattern));
            return regex.Options.HasFlag(RegexOptions.NonBacktracking) ? regex.Match(path) : Limited(field, regex, path);
        }
    }

    /// <summary>peft's way of a setting by module: the first key that matches the end of the path, as a regular expression, wins.</summary>
    /// <exception cref="PeftException">A key is no regular expression, too long, or takes too long.</exception>
    public T Choose<T>(string field, IReadOnlyDictionary<string, T>? patterns, string path, T fallback)
    {
        foreach (var (key, value) in patterns ?? new Dictionary<string, T>())
            if (Find(field, $@"^(?:.*\.)?(?:{key})$", path).Success) return value;
        return fallback;
    }

    private Match Limited(string field, Regex regex, string path)
    {
        if (_spent.Elapsed > LimitOfAll) throw TooSlow(field, regex.ToString(), path, null);
        _spent.Start();
        try
        {
            return regex.Match(path);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw TooSlow(field, regex.ToString(), path, e);
        }
        finally
        {
            _spent.Stop();
        }
    }

    private Regex Make(string field, string pattern)
    {
        if (pattern.Length > Longest) throw Bad(field, pattern, $"which has {pattern.Length:N0} characters; expected at most {Longest}");
        if (_patterns.Count == Most) throw Bad(field, pattern, $"after {Most} others; expected at most so many");
        try
        {
            // Linear in the path: it needs no clock, which a busy machine would make unjust.
            return new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
        }
        catch (NotSupportedException)
        {
            // Looking around and back needs the engine that can be slow, which the limits hold.
            return new Regex(pattern, RegexOptions.CultureInvariant, Limit);
        }
        catch (ArgumentException e)
        {
            throw Bad(
                field, pattern,
                $"which is not a regular expression ({Quoted(e)}); write module names, or patterns that match the end of their path");
        }
    }

    private PeftException Bad(string field, string pattern, string problem) =>
        new($"{Name(field)} gives \"{Printable.Cut(pattern, 100)}\", {problem}.");

    private PeftException TooSlow(string field, string pattern, string path, Exception? e)
    {
        var sentence = $"{Name(field)} gives \"{Printable.Cut(pattern, 100)}\", which takes too long on \"{path}\"; write it without "
            + "nested repetitions.";
        return e is null ? new(sentence) : new(sentence, e);
    }

    private string Name(string field) => method.Length == 0 ? "A pattern of modules" : $"{method}: \"{field}\"";

    private static string Quoted(Exception e) => Printable.Cut(e.Message.TrimEnd('.'), 200);
}
