using System.Globalization;

namespace PeftSharp.Benchmarks;

/// <summary>The words of the command line; the first is the benchmark's name.</summary>
internal sealed class BenchWords(string[] words)
{
    public string Text(int at, string usual = "") => words.Length > at ? words[at] : usual;

    public string? TextOrNull(int at) => words.ElementAtOrDefault(at);

    public int Whole(int at, int usual) => WholeOrNull(at) ?? usual;

    public int? WholeOrNull(int at) => words.Length > at ? int.Parse(words[at], CultureInfo.InvariantCulture) : null;

    public double Number(int at, double usual) => words.Length > at ? double.Parse(words[at], CultureInfo.InvariantCulture) : usual;

    public bool Has(string word) => words.Contains(word);

    public IEnumerable<string> From(int at) => words.Skip(at);
}
