using System.Diagnostics;
using System.Text.Json.Nodes;

namespace PeftSharp.Tests.Cli;

/// <summary>
/// The real program: in a process of its own where that is what a test is about, or where it reads standard input, and else in this one.
/// </summary>
internal static class Peft
{
    public sealed record Result(int ExitCode, string Output, string Error)
    {
        public JsonNode Json => JsonNode.Parse(Output)!;

        public Result Succeeds()
        {
            Assert.True(ExitCode == 0, $"exit code {ExitCode}: {Error}");
            return this;
        }

        /// <summary>One sentence on standard error, nothing on standard output.</summary>
        public string Fails(int exitCode)
        {
            Assert.True(ExitCode == exitCode, $"exit code {ExitCode} instead of {exitCode}: {Output}{Error}");
            Assert.Empty(Output);
            var line =
                Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Single(l => l.StartsWith("error: ", StringComparison.Ordinal));
            Assert.DoesNotContain("   at ", Error);
            return line.TrimEnd('\r');
        }
    }

    public static Result Run(params string[] args) => InProcess.CanRun(args) ? InProcess.Run(args) : RunAlone(args);

    /// <summary>Runs in a process of its own.</summary>
    public static Result RunAlone(params string[] args) => RunWith(null, args);

    /// <summary>Runs with variables of the environment set, or removed where the value is null.</summary>
    public static Result RunIn(IReadOnlyDictionary<string, string?> environment, params string[] args)
    {
        using var process = StartIn(environment, args);
        return Finish(process);
    }

    /// <summary>Starts with variables of the environment set, or removed where the value is null.</summary>
    public static Process StartIn(IReadOnlyDictionary<string, string?> environment, params string[] args)
    {
        var start = StartInfo(false, args);
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Runs in a folder, as somebody would who has gone there.</summary>
    public static Result RunAt(string folder, params string[] args)
    {
        var start = StartInfo(false, args);
        start.WorkingDirectory = folder;
        using var process = Process.Start(start)!;
        return Finish(process);
    }

    public static Result RunWith(string? input, params string[] args)
    {
        using var process = Start(input is not null, args);
        if (input is not null)
        {
            process.StandardInput.Write(input);
            process.StandardInput.Close();
        }
        return Finish(process);
    }

    public static Process Start(bool withInput, params string[] args) => Process.Start(StartInfo(withInput, args))!;

    private static ProcessStartInfo StartInfo(bool withInput, string[] args) =>
        new("dotnet", [Path.Combine(AppContext.BaseDirectory, "peft.dll"), .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = withInput,
            // Two programs run at once, of models so small that a second thread only waits.
            Environment = { ["OMP_NUM_THREADS"] = "1" },
        };

    public static Result Finish(Process process)
    {
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(120_000))
        {
            process.Kill();
            throw new TimeoutException("peft did not end in two minutes.");
        }
        return new(process.ExitCode, output.Result, error.Result);
    }
}
