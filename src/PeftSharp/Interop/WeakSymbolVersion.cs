using System.Buffers.Binary;
using System.Text;
using System.Text.RegularExpressions;

namespace PeftSharp.Interop;

/// <summary>Makes an ELF library load where one of the symbol versions that it names is missing.</summary>
/// <remarks>The dynamic loader ignores a missing version whose entry in the version-needs table carries the weak flag.</remarks>
internal static partial class WeakSymbolVersion
{
    private const ushort WeakFlag = 2;
    private const long DynamicStringTable = 5, DynamicVersionNeeds = 0x6ffffffe;

    /// <summary>The version that the loader's message says is missing, or null.</summary>
    public static string? MissingIn(string loaderMessage)
    {
        var match = MissingVersion().Match(loaderMessage);
        return match.Success ? match.Groups[1].Value : null;
    }

    /// <summary>The path of a copy of <paramref name="library"/> whose need of <paramref name="version"/> is weak.</summary>
    /// <exception cref="PeftException">The file is not an x64 ELF library with that entry, or no folder can be written.</exception>
    public static string CachedCopy(string library, string version)
    {
        var bytes = File.ReadAllBytes(library);
        MarkWeak(bytes, version, library);
        foreach (var root in CacheRoots())
        {
            try
            {
                var folder = Directory.CreateDirectory(Path.Combine(root, "peftsharp", "native")).FullName;
                var copy = Path.Combine(folder, Path.GetFileName(library));
                // Compared byte for byte, so that a stale or foreign file is never loaded.
                if (File.Exists(copy) && File.ReadAllBytes(copy).AsSpan().SequenceEqual(bytes)) return copy;
                var aside = Path.Combine(folder, $".{Guid.NewGuid():N}.tmp");
                File.WriteAllBytes(aside, bytes);
                File.Move(aside, copy, overwrite: true);
                return copy;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
        }
        throw new PeftException(
            $"libstdc++ lacks {version}, and no folder for a corrected copy of {Path.GetFileName(library)} can be written; set "
            + "XDG_CACHE_HOME to a writable folder, or install a libstdc++6 of GCC 13 or later.");
    }

    private static IEnumerable<string> CacheRoots()
    {
        if (Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache) yield return cache;
        if (Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home) yield return Path.Combine(home, ".cache");
        yield return Directory.CreateTempSubdirectory("peftsharp-").FullName;
    }

    /// <summary>Sets the weak flag on the entry of <paramref name="version"/> in the version-needs table of an ELF64 file.</summary>
    internal static void MarkWeak(byte[] elf, string version, string name)
    {
        try
        {
            var entry = FindVersionEntry(elf, version);
            BinaryPrimitives.WriteUInt16LittleEndian(elf.AsSpan(entry + 4), WeakFlag);
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or IndexOutOfRangeException or OverflowException or InvalidDataException)
        {
            throw new PeftException(
                $"{name} is not an x64 ELF library that needs {version}; reinstall the package TorchSharp (version 0.107.0).", e);
        }
    }

    private static int FindVersionEntry(byte[] elf, string version)
    {
        if (!elf.AsSpan(0, 6).SequenceEqual("\u007fELF\u0002\u0001"u8)) throw new InvalidDataException();
        long strings = 0, needs = 0;
        var segments = Segments(elf);
        var (_, dynamic, dynamicSize, _) = segments.First(s => s.Type == 2);
        for (var at = dynamic; at < dynamic + dynamicSize; at += 16)
        {
            var value = I64(elf, at + 8);
            switch (I64(elf, at))
            {
                case DynamicStringTable: strings = ToOffset(segments, value); break;
                case DynamicVersionNeeds: needs = ToOffset(segments, value); break;
            }
        }
        if (strings == 0 || needs == 0) throw new InvalidDataException();
        for (var file = needs; ;)
        {
            var entry = file + U32(elf, file + 8);
            for (var i = 0; i < U16(elf, file + 2); i++)
            {
                if (StringAt(elf, strings + U32(elf, entry + 8)) == version) return checked((int)entry);
                entry += U32(elf, entry + 12);
            }
            var next = U32(elf, file + 12);
            if (next == 0) throw new InvalidDataException();
            file += next;
        }
    }

    private static List<(uint Type, long Offset, long Size, long Address)> Segments(byte[] elf)
    {
        var table = I64(elf, 32);
        int size = U16(elf, 54), count = U16(elf, 56);
        return [
            .. Enumerable.Range(0, count)
                .Select(i => table + i * size)
                .Select(at => (U32(elf, at), I64(elf, at + 8), I64(elf, at + 32), I64(elf, at + 16))),
        ];
    }

    private static long ToOffset(List<(uint Type, long Offset, long Size, long Address)> segments, long address)
    {
        var (_, offset, _, start) = segments.First(s => s.Type == 1 && address >= s.Address && address < s.Address + s.Size);
        return offset + (address - start);
    }

    private static string StringAt(byte[] elf, long at)
    {
        var span = elf.AsSpan(checked((int)at));
        return Encoding.ASCII.GetString(span[..span.IndexOf((byte)0)]);
    }

    private static ushort U16(byte[] b, long at) => BinaryPrimitives.ReadUInt16LittleEndian(b.AsSpan(checked((int)at)));
    private static uint U32(byte[] b, long at) => BinaryPrimitives.ReadUInt32LittleEndian(b.AsSpan(checked((int)at)));
    private static long I64(byte[] b, long at) => BinaryPrimitives.ReadInt64LittleEndian(b.AsSpan(checked((int)at)));

    [GeneratedRegex(@"version [`'](GLIBCXX_[0-9.]+|CXXABI_[0-9.]+)' not found")]
    private static partial Regex MissingVersion();
}
