using System.Text;

namespace PeftSharp.Checkpoints;

/// <summary>Names that come from a file, made fit for a one-line message.</summary>
internal static class Quoted
{
    private const int Longest = 120;

    public static string Name(string name)
    {
        var text = new StringBuilder("\"");
        foreach (var c in name.Length > Longest ? name.AsSpan(0, Longest) : name)
            text.Append(char.IsControl(c) || char.IsSurrogate(c) ? '?' : c);
        return text.Append(name.Length > Longest ? "…\"" : "\"").ToString();
    }
}
