using System.IO.Compression;

namespace PeftSharp.Data.Files.Columnar;

/// <summary>Unpacks a page where its content has to be looked at before the reader behind does.</summary>
internal static class PageContent
{
    private const int None = 0, Snappy = 1, Gzip = 2, Brotli = 4, Zstd = 6;

    /// <summary>The content; null where the codec is none of those that are known here.</summary>
    /// <param name="codec">The codec, as the format numbers it.</param>
    /// <param name="body">The page.</param>
    /// <param name="length">Bytes that it unpacks to at most.</param>
    public static byte[]? Unpack(int codec, ReadOnlySpan<byte> body, int length)
    {
        switch (codec)
        {
            case None: return body.ToArray();
            case Snappy: return Snappier.Snappy.DecompressToArray(body); // its length was compared before
            case Zstd:
                using (var zstd = new ZstdSharp.Decompressor()) return zstd.Unwrap(body).ToArray();
            case Gzip: return Inflated(new GZipStream(new MemoryStream(body.ToArray()), CompressionMode.Decompress), length);
            case Brotli: return Inflated(new BrotliStream(new MemoryStream(body.ToArray()), CompressionMode.Decompress), length);
            default: return null;
        }
    }

    private static byte[] Inflated(Stream stream, int length)
    {
        using (stream)
        {
            var content = new byte[length];
            var read = stream.ReadAtLeast(content, length, throwOnEndOfStream: false);
            return content[..read];
        }
    }
}
