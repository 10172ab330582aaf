using System.Diagnostics;
using System.Runtime.InteropServices;
using PeftSharp.Runs;
using PeftSharp.Runs.Comparing;

namespace PeftSharp.Cli.Comparing;

/// <summary>Runs cells, each in a process of its own: its memory is its own peak, and its failure no one else's.</summary>
internal sealed partial class ProcessCells(Interruption interruption) : ICellRunner
{
    private const int Terminate = 15;

    /// <inheritdoc/>
    public string? Run(string recipe, string folder)
    {
        if (Directory.Exists(OutputFolder.WorkOf(folder)) && Start("train", "--resume", "--out", folder, "--json", "--quiet") is null)
            return null;
        return Start("train", "--recipe", recipe, "--out", folder, "--overwrite", "--json", "--quiet");
    }

    private string? Start(params string[] arguments)
    {
        using var process = Process.Start(Program(arguments))!;
        using var stop = interruption.Token.Register(() => Stop(process));
        var error = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        interruption.Token.ThrowIfCancellationRequested();
        if (process.ExitCode == 0) return null;
        var lines = error.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var sentence = lines.LastOrDefault(l => l.StartsWith("error: ", StringComparison.Ordinal))?[7..]
            ?? lines.LastOrDefault()
            ?? "it said nothing";
        return $"{sentence.Trim()} (exit code {process.ExitCode})";
    }

    // This very program: the host with its assembly, or the executable alone.
    private static ProcessStartInfo Program(params string[] arguments)
    {
        var host = Environment.ProcessPath!;
        var assembly = Path.Combine(AppContext.BaseDirectory, "peft.dll");
        string[] all = Path.GetFileNameWithoutExtension(host) == "dotnet" ? [assembly, .. arguments] : arguments;
        return new(host, all) { RedirectStandardOutput = true, RedirectStandardError = true };
    }

    private static void Stop(Process process)
    {
        try
        {
            if (process.HasExited) return;
            if (OperatingSystem.IsWindows()) process.Kill();
            else _ = Kill(process.Id, Terminate);
        }
        catch (InvalidOperationException) { } // it ended by itself
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
