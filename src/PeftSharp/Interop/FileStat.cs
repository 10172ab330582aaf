using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace PeftSharp.Interop;

/// <summary>A file as its system knows it: device and inode are the file itself, whatever its names; times are in nanoseconds.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Device">Number of the file system; 0 where it is unknown.</param>
/// <param name="Inode">Number of the file in it; 0 where it is unknown.</param>
/// <param name="Modified">When the content last changed; programs can set it.</param>
/// <param name="Changed">When anything about it last changed; only the clock sets it. 0 where it is unknown.</param>
/// <param name="Owner">Number of the user; null where it is unknown.</param>
internal readonly partial record struct FileStat(
    FileKind Kind, long Size, ulong Device, ulong Inode, long Modified, long Changed, uint? Owner)
{
    private const int CurrentFolder = -100, NoFollow = 0x100, Basic = 0x7ff;
    private const int NotFound = 2, NotAFolder = 20, Denied = 13, TooLong = 36, TooManyLinks = 40;

    /// <summary>The user that this program runs for; null where users have no numbers.</summary>
    public static uint? User => OperatingSystem.IsWindows() ? null : EffectiveUser();

    /// <summary>What lies there; null if nothing does, or it cannot be told.</summary>
    /// <param name="path">The path.</param>
    /// <param name="follow">True looks through a link in its last part.</param>
    public static FileStat? Of(string path, bool follow = true)
    {
        try
        {
            if (OperatingSystem.IsLinux()) return Linux(path, follow);
            if (OperatingSystem.IsMacOS()) return Mac(path, follow);
        }
        catch (EntryPointNotFoundException) { } // a C library without statx
        return Plain(path, follow);
    }

    /// <summary>True if both are one file.</summary>
    public bool IsSame(FileStat other) => Inode != 0 && Inode == other.Inode && Device == other.Device;

    // The layout of struct statx is the same on every processor.
    private static FileStat? Linux(string path, bool follow)
    {
        Span<byte> found = stackalloc byte[256];
        if (StatX(CurrentFolder, path, follow ? 0 : NoFollow, Basic, found) != 0)
            return Marshal.GetLastPInvokeError() is NotFound or NotAFolder or Denied or TooLong or TooManyLinks
                ? null
                : Plain(path, follow);
        static long Time(ReadOnlySpan<byte> at) =>
            BinaryPrimitives.ReadInt64LittleEndian(at) * 1_000_000_000 + BinaryPrimitives.ReadUInt32LittleEndian(at[8..]);
        var device =
            ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(found[136..]) << 32) | BinaryPrimitives.ReadUInt32LittleEndian(found[140..]);
        return new(
            KindOf(BinaryPrimitives.ReadUInt16LittleEndian(found[28..])), BinaryPrimitives.ReadInt64LittleEndian(found[40..]), device,
            BinaryPrimitives.ReadUInt64LittleEndian(found[32..]), Time(found[112..]), Time(found[96..]),
            BinaryPrimitives.ReadUInt32LittleEndian(found[20..]));
    }

    private static FileStat? Mac(string path, bool follow)
    {
        Span<byte> found = stackalloc byte[256];
        if ((follow ? MacStat(path, found) : MacLinkStat(path, found)) != 0) return null;
        static long Time(ReadOnlySpan<byte> at) =>
            BinaryPrimitives.ReadInt64LittleEndian(at) * 1_000_000_000 + BinaryPrimitives.ReadInt64LittleEndian(at[8..]);
        return new(
            KindOf(BinaryPrimitives.ReadUInt16LittleEndian(found[4..])), BinaryPrimitives.ReadInt64LittleEndian(found[96..]),
            BinaryPrimitives.ReadUInt32LittleEndian(found), BinaryPrimitives.ReadUInt64LittleEndian(found[8..]), Time(found[48..]),
            Time(found[64..]),
            BinaryPrimitives.ReadUInt32LittleEndian(found[16..]));
    }

    private static FileKind KindOf(int mode) =>
        (mode & 0xf000) switch { 0x8000 => FileKind.File, 0x4000 => FileKind.Folder, 0xa000 => FileKind.Link, _ => FileKind.Other };

    private static FileStat? Plain(string path, bool follow)
    {
        try
        {
            FileSystemInfo info = Directory.Exists(path) ? new DirectoryInfo(path) : new FileInfo(path);
            if (info.LinkTarget is not null && !follow) return new(FileKind.Link, 0, 0, 0, 0, 0, null);
            if (info.LinkTarget is not null && info.ResolveLinkTarget(returnFinalTarget: true) is { } end) info = end;
            if (!info.Exists) return null;
            var kind = info is DirectoryInfo ? FileKind.Folder
                : (info.Attributes & FileAttributes.Device) != 0 ? FileKind.Other
                : FileKind.File;
            var modified = (info.LastWriteTimeUtc - DateTime.UnixEpoch).Ticks * 100;
            return new(kind, info is FileInfo file ? file.Length : 0, 0, 0, modified, 0, null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int StatX(int folder, string path, int flags, uint mask, Span<byte> found);

    [LibraryImport("libc", EntryPoint = "stat", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MacStat(string path, Span<byte> found);

    [LibraryImport("libc", EntryPoint = "lstat", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MacLinkStat(string path, Span<byte> found);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();
}
