using Spectre.Console;

namespace PeftSharp.Cli.Terminal;

/// <summary>
/// Standard output and standard error as consoles: colours and live displays on a terminal only, plain text in a pipe or with NO_COLOR.
/// </summary>
internal static class Screen
{
    private const int PipeWidth = 240, DefaultWidth = 80, WidestHelp = 110, LeastWidth = 20;

    /// <summary>Results.</summary>
    public static IAnsiConsole Out { get; } = Create(Console.Out, Console.IsOutputRedirected);

    /// <summary>Progress and remarks.</summary>
    public static IAnsiConsole Error { get; } = Create(Console.Error, Console.IsErrorRedirected);

    /// <summary>Columns of the terminal that standard output is; null in a pipe, where lines have the width that they need.</summary>
    public static int? OutWidth => Console.IsOutputRedirected ? null : Math.Max(Out.Profile.Width, LeastWidth);

    /// <summary>Columns of help: those of the terminal up to a readable width, 80 in a pipe.</summary>
    public static int HelpWidth => Math.Clamp(OutWidth ?? DefaultWidth, 40, WidestHelp);

    /// <summary>True if standard output is no terminal.</summary>
    public static bool OutIsPlain => IsPlain(Console.IsOutputRedirected);

    /// <summary>True if a live display on standard error is possible.</summary>
    public static bool ErrorIsLive => !IsPlain(Console.IsErrorRedirected);

    /// <summary>Writes a line to standard output, wrapped at words on a terminal.</summary>
    /// <param name="text">The line; those of several lines are written one by one.</param>
    /// <param name="hang">Columns by which what is wrapped is indented.</param>
    public static void Say(string text, int hang = 0)
    {
        foreach (var line in text.Split('\n'))
            foreach (var part in OutWidth is { } width ? TextWidth.Hang(line, width, hang) : [line]) Console.Out.WriteLine(part);
    }

    private static bool IsPlain(bool redirected) =>
        redirected
            || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
            || Environment.GetEnvironmentVariable("TERM") == "dumb";

    private static IAnsiConsole Create(TextWriter writer, bool redirected)
    {
        var plain = IsPlain(redirected);
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = plain ? AnsiSupport.No : AnsiSupport.Detect,
            ColorSystem = plain ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
            Interactive = plain ? InteractionSupport.No : InteractionSupport.Detect,
        });
        if (redirected) console.Profile.Width = PipeWidth;
        else if (int.TryParse(Environment.GetEnvironmentVariable("COLUMNS"), out var asked) && asked > 0)
            console.Profile.Width = Math.Max(asked, LeastWidth);
        return console;
    }
}
