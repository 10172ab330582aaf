using System.Security.Cryptography;

namespace PeftSharp.Runs;

/// <summary>Length and a hash of a file: of all of it up to a megabyte, of pieces spread evenly over a longer one.</summary>
internal readonly record struct FilePrint(long Bytes, string Sha256)
{
    private const int Pieces = 64, Piece = 1 << 14;

    /// <exception cref="IOException">The file cannot be read.</exception>
    public static FilePrint Of(string file)
    {
        using var handle = File.OpenHandle(file);
        var length = RandomAccess.GetLength(handle);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[Piece];
        var whole = length <= Pieces * Piece;
        var count = whole ? (length + Piece - 1) / Piece : Pieces;
        for (var i = 0L; i < count; i++)
        {
            var at = whole ? i * Piece : (long)((Int128)(length - Piece) * i / (Pieces - 1));
            for (var done = 0; done < Piece;)
            {
                var read = RandomAccess.Read(handle, buffer.AsSpan(done), at + done);
                if (read == 0) break;
                done += read;
                hash.AppendData(buffer.AsSpan(done - read, read));
            }
        }
        return new(length, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
