namespace PeftSharp.Hub;

/// <summary>A lock file that huggingface_hub honours too: held by flock on Unix, by exclusive opening on Windows.</summary>
internal sealed class HubLock : IDisposable
{
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(100), Patience = TimeSpan.FromSeconds(2);

    // EWOULDBLOCK of Linux and of macOS; Windows: sharing violation, lock violation.
    private static readonly int[] Taken = [11, 35, unchecked((int)0x80070020), unchecked((int)0x80070021)];

    private readonly FileStream _file;

    private HubLock(FileStream file) => _file = file;

    /// <summary>Waits until nobody else holds the lock; <paramref name="waiting"/> is told once if that takes a while.</summary>
    public static async Task<HubLock> TakeAsync(string path, Action waiting, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var (waited, told) = (TimeSpan.Zero, false);
        while (true)
        {
            try
            {
                return new(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException e) when (Taken.Contains(e.HResult)) { }
            if (!told && waited >= Patience)
            {
                told = true;
                waiting();
            }
            await Task.Delay(Between, cancellation).ConfigureAwait(false);
            waited += Between;
        }
    }

    /// <summary>Releases the lock. The file stays: to delete it would let two hold "the" lock at once.</summary>
    public void Dispose() => _file.Dispose();
}
