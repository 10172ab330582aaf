using System.Buffers;
using System.Collections;

namespace PeftSharp.Data.Storage;

/// <summary>The rows of a dataset in the order they were read: in memory up to a limit, all of them in a file beyond it.</summary>
internal sealed class RowStore(DataStorage storage) : IReadOnlyList<RawExample>, IDisposable
{
    // What an object of a row and its list entry take beside its text.
    private const int RowOverhead = 120, KeptOverhead = 48;

    private readonly List<string> _files = [];
    private readonly List<long> _offsets = [0];
    private readonly ArrayBufferWriter<byte> _row = new(1 << 12);
    private List<RawExample>? _rows = [];
    private ScratchFile? _file;
    private long _bytes;
    private int _datasets = 1;

    public int Count => _rows?.Count ?? _offsets.Count - 1;

    /// <summary>True if the rows lie in a file, so that each is made anew when it is asked for.</summary>
    public bool OnDisk => _file is not null;

    public RawExample this[int index] => _rows is not null ? _rows[index] : Read(index);

    /// <summary>Reads all rows of a source.</summary>
    public static RowStore Of(IEnumerable<RawExample> rows, DataStorage storage)
    {
        var store = new RowStore(storage);
        foreach (var row in rows) store.Add(row);
        store._file?.Finish();
        return store;
    }

    /// <summary>One more dataset has rows here.</summary>
    public RowStore Share()
    {
        Interlocked.Increment(ref _datasets);
        return this;
    }

    /// <summary>One dataset fewer has rows here: the file goes with the last.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _datasets) == 0) _file?.Dispose();
    }

    private void Add(RawExample row)
    {
        if (_rows is null)
        {
            Append(row);
            return;
        }
        _rows.Add(row);
        _bytes += RowOverhead
            + 2L * (row.Text.Length + (row.Pair?.Length ?? 0))
            + 4L * ((row.InputIds?.Length ?? 0) + (row.TypeIds?.Length ?? 0));
        foreach (var value in row.Kept ?? []) _bytes += KeptOverhead + 2L * (value.Text?.Length ?? 0);
        if (_bytes <= storage.MemoryBytes) return;
        _file = new ScratchFile(storage);
        foreach (var kept in _rows) Append(kept);
        _rows = null;
    }

    private void Append(RawExample row)
    {
        if (_files.Count == 0 || _files[^1] != row.File) _files.Add(row.File);
        if (_offsets.Count > Array.MaxLength - 1)
            throw new PeftException($"{row.File} has more rows than the {Array.MaxLength:N0} that fit one dataset; split it.");
        _row.ResetWrittenCount();
        RowCodec.Write(_row, row, _files.Count - 1);
        _file!.Append(_row.WrittenSpan);
        _offsets.Add(_file.Length);
    }

    private RawExample Read(int index)
    {
        var (start, length) = (_offsets[index], (int)(_offsets[index + 1] - _offsets[index]));
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            var bytes = buffer.AsSpan(0, length);
            for (var read = 0; read < length;)
            {
                var more = RandomAccess.Read(_file!.Handle, bytes[read..], start + read);
                read += more > 0
                    ? more
                    : throw new PeftException("A file of rows that were set aside for want of memory has become shorter; run it again.");
            }
            return RowCodec.Read(bytes, _files);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public IEnumerator<RawExample> GetEnumerator()
    {
        for (var i = 0; i < Count; i++) yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
