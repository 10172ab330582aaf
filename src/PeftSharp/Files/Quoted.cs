namespace PeftSharp.Files;

/// <summary>Names that come from a file, made fit for a one-line message.</summary>
internal static class Quoted
{
    private const int Longest = 120;

    public static string Name(string name) => $"\"{Printable.Cut(name, Longest)}\"";
}
