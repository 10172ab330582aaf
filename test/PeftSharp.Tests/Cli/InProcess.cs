using System.Runtime.CompilerServices;
using System.Text;
using PeftSharp.Cli;
using PeftSharp.Cli.Terminal;

namespace PeftSharp.Tests.Cli;

/// <summary>
/// The program inside of the tests' process: what a process of its own takes a second for (loading libtorch, compiling) is there already.
/// What a command line writes goes to whoever runs it; several may run at once.
/// </summary>
internal static class InProcess
{
    private static readonly AsyncLocal<Streams?> Running = new();

    /// <summary>
    /// Whether a command line means the same here: tables and colours follow the process's own output, which must be no terminal, and a
    /// comparison and a search start their own program again for each cell.
    /// </summary>
    public static bool CanRun(string[] args) =>
        Console.IsOutputRedirected && Console.IsErrorRedirected && args is not ["compare" or "autotune", ..];

    public static Peft.Result Run(string[] args)
    {
        using var streams = new Streams();
        var outer = Running.Value;
        Running.Value = streams;
        try
        {
            var exitCode = CommandTree.Run(args);
            return new(exitCode, $"{streams.OutputText}", $"{streams.ErrorText}");
        }
        finally
        {
            Running.Value = outer;
        }
    }

    // The consoles of Screen draw to the plain writers; everything else passes the writer that lets no control character through.
    [ModuleInitializer]
    internal static void Install()
    {
        // Results must not depend on how many threads a command line would choose for the process that it believes to have for itself.
        Environment.SetEnvironmentVariable("OMP_NUM_THREADS", "1");
        var (output, error) = (Console.Out, Console.Error);
        Console.SetOut(new Routed(() => Running.Value?.Output ?? output));
        Console.SetError(new Routed(() => Running.Value?.Error ?? error));
        _ = (Screen.Out, Screen.Error);
        Console.SetOut(new Routed(() => Running.Value?.PrintableOutput ?? output));
        Console.SetError(new Routed(() => Running.Value?.PrintableError ?? error));
    }

    private sealed class Streams : IDisposable
    {
        public StringBuilder OutputText { get; } = new();

        public StringBuilder ErrorText { get; } = new();

        public TextWriter Output => field ??= TextWriter.Synchronized(new StringWriter(OutputText));

        public TextWriter Error => field ??= TextWriter.Synchronized(new StringWriter(ErrorText));

        public TextWriter PrintableOutput => field ??= new PrintableWriter(Output);

        public TextWriter PrintableError => field ??= new PrintableWriter(Error);

        public void Dispose()
        {
            Output.Dispose();
            Error.Dispose();
        }
    }

    private sealed class Routed(Func<TextWriter> target) : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => target().Write(value);

        public override void Write(char[] buffer, int index, int count) => target().Write(buffer, index, count);

        public override void Write(ReadOnlySpan<char> buffer) => target().Write(buffer);

        public override void Write(string? value) => target().Write(value);

        public override void WriteLine(string? value) => target().WriteLine(value);

        public override void WriteLine() => target().WriteLine();

        public override void Flush() => target().Flush();
    }
}
