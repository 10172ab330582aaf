namespace PeftSharp.Cli.Quickstart;

/// <summary>Three commands that work as they stand, typed in the present folder.</summary>
internal static class NextCommands
{
    /// <summary>Answer a text, score the adapter, train another method on the same data.</summary>
    public static IEnumerable<string> For(string adapter)
    {
        var (model, mine) = (Shown(QuickstartFiles.Model), Shown(adapter));
        yield return $"{Program} predict --base {model} --adapter {mine} --text \"Where is my parcel?\"";
        yield return $"{Program} eval --base {model} --adapter {mine} --data {Shown(QuickstartFiles.Test)}";
        yield return $"{Program} train --base {model} --method bitfit --pooling mean --data {Shown(QuickstartFiles.Train)} --eval-data "
            + $"{Shown(QuickstartFiles.Test)} --lr 3e-3 --out "
            + $"{Shown(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(adapter))!, "..", "peftsharp-bitfit"))}";
    }

    // "peft" where the shell finds it, else the program that runs now.
    private static string Program
    {
        get
        {
            var name = OperatingSystem.IsWindows() ? "peft.exe" : "peft";
            var installed = (Environment.GetEnvironmentVariable("PATH") ?? "")
                .Split(Path.PathSeparator)
                .Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, name)));
            if (installed) return "peft";
            var own = Path.Combine(AppContext.BaseDirectory, name);
            return File.Exists(own) ? Command(own) : $"dotnet {Shown(Path.Combine(AppContext.BaseDirectory, "peft.dll"))}";
        }
    }

    // A shell runs a program of the present folder only with a path.
    private static string Command(string file)
    {
        var shown = Shown(file);
        return shown.Contains(Path.DirectorySeparatorChar) ? shown : $".{Path.DirectorySeparatorChar}{shown}";
    }

    private static string Shown(string path)
    {
        var (full, relative) = (Path.GetFullPath(path), Path.GetRelativePath(Environment.CurrentDirectory, path));
        var shown = relative.Length < full.Length ? relative : full;
        return shown.Contains(' ') ? $"\"{shown}\"" : shown;
    }
}
