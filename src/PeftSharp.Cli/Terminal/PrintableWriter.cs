using System.Text;

namespace PeftSharp.Cli.Terminal;

/// <summary>
/// Standard output or standard error as everything but the drawing of tables and progress writes to it: no control characters reach a
/// terminal, whatever a file holds.
/// </summary>
internal sealed class PrintableWriter(TextWriter inner) : TextWriter
{
    public override Encoding Encoding => inner.Encoding;

    /// <summary>Sets both for the program; the consoles of <see cref="Screen"/> draw past them.</summary>
    public static void Install()
    {
        _ = (Screen.Out, Screen.Error);
        Console.SetOut(new PrintableWriter(Console.Out));
        Console.SetError(new PrintableWriter(Console.Error));
    }

    public override void Write(char value) => inner.Write(value is '\n' or '\r' or '\t' || Printable.IsVisible(value) ? value : '?');

    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    public override void Write(ReadOnlySpan<char> buffer) => Write(buffer.ToString());

    public override void Write(string? value) => inner.Write(value is null ? null : Printable.Lines(value));

    public override void WriteLine(string? value)
    {
        Write(value);
        inner.WriteLine();
    }

    public override void WriteLine() => inner.WriteLine();

    public override void Flush() => inner.Flush();
}
