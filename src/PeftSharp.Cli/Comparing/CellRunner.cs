using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Terminal;
using PeftSharp.Cli.Training.Resume;
using PeftSharp.Files;

namespace PeftSharp.Cli.Comparing;

/// <summary>Runs cells, each in a process of its own: its memory is its own peak, and its failure no one else's.</summary>
internal sealed partial class CellRunner(string root, Interruption interruption)
{
    private const int Terminate = 15;

    /// <summary>The folder that a cell writes.</summary>
    public string Folder(Cell cell) => Path.Combine(root, "cells", cell.Id);

    /// <summary>Writes the recipe of a cell, which <c>peft train --recipe</c> repeats by hand.</summary>
    public string WriteRecipe(Cell cell)
    {
        var file = Path.Combine(root, "recipes", $"{cell.Id}.yaml");
        AtomicFile.WriteText(file, JsonOut.Text(cell.Settings) + "\n");
        return file;
    }

    /// <summary>Runs a cell to its end; one that was interrupted goes on from its last checkpoint.</summary>
    /// <returns>Null where it succeeded; else the sentence with which it failed.</returns>
    /// <exception cref="OperationCanceledException">The comparison was interrupted; the cell is not finished.</exception>
    public string? Run(Cell cell)
    {
        var folder = Folder(cell);
        if (Directory.Exists(RunFolder.Of(folder)) && Start("train", "--resume", "--out", folder, "--json", "--quiet") is null) return null;
        return Start("train", "--recipe", WriteRecipe(cell), "--out", folder, "--overwrite", "--json", "--quiet");
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
        var sentence = lines.LastOrDefault(l => l.StartsWith("error: ", StringComparison.Ordinal))?[7..] ?? lines.LastOrDefault() ?? "it said nothing";
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
