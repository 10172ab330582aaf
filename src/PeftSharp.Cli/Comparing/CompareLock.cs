using PeftSharp.Cli.Training.Resume;

namespace PeftSharp.Cli.Comparing;

/// <summary>Keeps a second comparison out of a folder; a killed one leaves nothing that would.</summary>
internal static class CompareLock
{
    /// <summary>Takes the folder, and creates it where it is missing.</summary>
    /// <exception cref="PeftException">Another process has it, or it cannot be written.</exception>
    public static IDisposable Take(string root)
    {
        try
        {
            Directory.CreateDirectory(root);
            return RunLock.TryTake(root) ?? throw new PeftException($"The folder {root} is in use by another comparison; wait for it, or choose another --out.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"The folder {root} cannot be written ({e.Message.TrimEnd('.')}); choose another --out.", e);
        }
    }
}
