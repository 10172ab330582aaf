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
            return new FileStream(Path.Combine(root, ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException(Directory.Exists(root)
                ? $"The folder {root} is in use by another comparison, or cannot be written ({e.Message.TrimEnd('.')}); wait for the other, or choose another --out."
                : $"The folder {root} could not be created ({e.Message.TrimEnd('.')}); choose another --out.", e);
        }
    }
}
