using CsvHelper;
using PeftSharp.Data.Files;

namespace PeftSharp.Data;

/// <summary>Rows of a comma-separated file (RFC 4180): quoted fields may hold commas, quotes and line ends.</summary>
internal static class CsvRows
{
    /// <param name="path">The file.</param>
    /// <param name="options">How to read it.</param>
    /// <param name="separator">What separates fields; null where a first line such as "sep=;" says it.</param>
    public static IEnumerable<DelimitedRow> Read(string path, DataOptions options, char? separator = ',')
    {
        CsvMalformedRecord? malformed = null;
        using var reader = CsvReader.Create(DataFile.Open(path, options), new CsvReaderOptions
        {
            Separator = separator,
            HasHeader = false, // the header is a row like others here, so that its problems are reported alike
            TrackLineNumbers = true,
            MaxRecordSize = options.MaxLineBytes,
            OnMalformedRecord = record => malformed = record,
        });
        while (Advance(reader, path, options))
        {
            yield return new DelimitedRow((int)reader.LineNumber, reader.Current.ToArray(), Problem(reader.RawRecord, malformed, options));
            malformed = null;
        }
    }

    private static bool Advance(CsvReader reader, string path, DataOptions options)
    {
        try
        {
            return reader.Read();
        }
        catch (CsvFormatException e)
        {
            // What follows an endless record cannot be told from it, so there is no skipping.
            throw new PeftException(
                $"{path}, line {e.LineNumber}: the row is longer than {options.MaxLineBytes:N0} bytes; look for a quote that is never "
                + "closed, or raise the limit (MaxLineBytes).",
                e);
        }
    }

    private static string? Problem(ReadOnlySpan<byte> raw, CsvMalformedRecord? malformed, DataOptions options)
    {
        if (raw.Length > options.MaxLineBytes) return LineReader.TooLong(options.MaxLineBytes);
        if (LineReader.Problem(raw) is { } problem) return problem;
        return malformed?.Reason switch
        {
            null => null,
            CsvMalformedReason.UnterminatedQuote => "a quote opens a field and is never closed; close it or double it",
            _ => "a quote stands where RFC 4180 allows none; double quotes inside a field, and quote the field",
        };
    }
}
