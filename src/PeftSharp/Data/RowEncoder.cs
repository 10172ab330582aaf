using System.Runtime.ExceptionServices;

namespace PeftSharp.Data;

/// <summary>Encodes some rows of a dataset on all cores.</summary>
internal static class RowEncoder
{
    private const int RowsAtATime = 256;

    public static (EncodedText[] Rows, int Truncated) Encode(
        TextDataset data, int start, int count, ITextEncoder encoder, int maxLength, CancellationToken cancellation)
    {
        var rows = new EncodedText[count];
        var truncated = 0;
        try
        {
            Parallel.For(
                0, (rows.Length + RowsAtATime - 1) / RowsAtATime, new ParallelOptions { CancellationToken = cancellation }, chunk =>
            {
                var cut = 0;
                var end = Math.Min((chunk + 1) * RowsAtATime, rows.Length);
                for (var row = chunk * RowsAtATime; row < end; row++)
                {
                    (rows[row], var shortened) = EncodeRow(data, data.Examples[start + row], encoder, maxLength);
                    if (shortened) cut++;
                }
                Interlocked.Add(ref truncated, cut);
            });
        }
        catch (AggregateException e)
        {
            // Threads may fail together; one sentence is enough for the caller.
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
        return (rows, truncated);
    }

    private static (EncodedText Row, bool Truncated) EncodeRow(TextDataset data, Example example, ITextEncoder encoder, int maxLength)
    {
        if (example.InputIds is { } ids)
        {
            return ids.Length <= maxLength
                ? (new EncodedText(ids, example.TypeIds), false)
                : (new EncodedText(ids[..maxLength], example.TypeIds?[..maxLength]), true);
        }
        if (
            !data.AllowEmptyText
                && (string.IsNullOrWhiteSpace(example.Text) || example.Pair is not null && string.IsNullOrWhiteSpace(example.Pair)))
            throw new PeftException($"{example.Place(data.Source)}: {DelimitedReader.Blank(null)}.");
        var encoded = encoder.Encode(example.Text, example.Pair, maxLength);
        if (encoded.Ids.Length == 0)
            throw new PeftException(
                $"{example.Place(data.Source)}: the text gives no token, and a row needs at least one; remove the row.");
        // A row that fills the length exactly was cut only if one token more would have been used.
        var cut = encoded.Ids.Length >= maxLength && encoder.Encode(example.Text, example.Pair, maxLength + 1).Ids.Length > maxLength;
        return (encoded, cut);
    }
}
