using System.Net;

namespace PeftSharp.Hub;

/// <summary>A body that is a part of a file, counted as it leaves.</summary>
internal sealed class PartOfStream(Stream source, long from, long length, Action<long> moved) : HttpContent
{
    private const int Chunk = 1 << 18;

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        source.Position = from;
        var bytes = new byte[Chunk];
        for (var left = length; left > 0;)
        {
            var read = await source.ReadAsync(bytes.AsMemory(0, (int)Math.Min(left, Chunk)), cancellationToken).ConfigureAwait(false);
            if (read == 0) throw new EndOfStreamException("the file became shorter while it was sent");
            await stream.WriteAsync(bytes.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
            left -= read;
            moved(read);
        }
    }

    protected override bool TryComputeLength(out long computed)
    {
        computed = length;
        return true;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) source.Dispose();
        base.Dispose(disposing);
    }
}
