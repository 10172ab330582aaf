using System.Globalization;
using System.Numerics;
using System.Text;
using Parquet.Data;
using Parquet.Schema;

namespace PeftSharp.Data.Files;

/// <summary>The values of a parquet column chunk row by row.</summary>
internal static class ParquetCells
{
    private const int Shared = 10_000;

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>Values as a text file would spell them; null where there is none or, for bytes, no text.</summary>
    /// <param name="field">The column.</param>
    /// <param name="data">Its values.</param>
    /// <param name="rows">Rows of the row group.</param>
    /// <param name="maxLength">Letters that all texts together may have: a dictionary's few may stand for many.</param>
    public static string?[] Texts(DataField field, RawColumnData data, int rows, long maxLength) => data switch
    {
        RawColumnData<ReadOnlyMemory<char>> texts => Flat(texts, field, rows, Bounded<char>(text => text.ToString(), maxLength)),
        RawColumnData<ReadOnlyMemory<byte>> bytes => Flat(bytes, field, rows, Bounded<byte>(Decode, maxLength)),
        RawColumnData<bool> flags => Flat(flags, field, rows, flag => flag ? "true" : "false"),
        RawColumnData<sbyte> numbers => Flat(numbers, field, rows, Spell),
        RawColumnData<byte> numbers => Flat(numbers, field, rows, Spell),
        RawColumnData<short> numbers => Flat(numbers, field, rows, Spell),
        RawColumnData<ushort> numbers => Flat(numbers, field, rows, Spell),
        RawColumnData<int> numbers => Flat(numbers, field, rows, Spell),
        RawColumnData<uint> numbers => Flat(numbers, field, rows, Spell),
        RawColumnData<long> numbers => Flat(numbers, field, rows, Spell),
        RawColumnData<ulong> numbers => Flat(numbers, field, rows, Spell),
        RawColumnData<float> numbers => Flat(numbers, field, rows, number => Real(Spell(number))),
        RawColumnData<double> numbers => Flat(numbers, field, rows, number => Real(Spell(number))),
        _ => throw new PeftException($"The column {BadRows.Quote(field.Name)} holds {ParquetTypes.Name(field)}, which is not read."),
    };

    /// <summary>Lists of values as a text file would spell them; null where a row has none, and for what is no text.</summary>
    /// <param name="field">The column.</param>
    /// <param name="data">Its values.</param>
    /// <param name="rows">Rows of the row group.</param>
    /// <param name="maxLength">Letters that all texts together may have.</param>
    public static string?[]?[] TextLists(DataField field, RawColumnData data, int rows, long maxLength) => data switch
    {
        RawColumnData<ReadOnlyMemory<char>> texts => Nested(texts, field, rows, Bounded<char>(text => text.ToString(), maxLength), null),
        RawColumnData<ReadOnlyMemory<byte>> bytes => Nested(bytes, field, rows, Bounded<byte>(Decode, maxLength), null),
        RawColumnData<bool> flags => Nested<bool, string?>(flags, field, rows, flag => flag ? "1.0" : "0.0", null),
        RawColumnData<float> numbers => Nested<float, string?>(numbers, field, rows, number => Real(Spell(number)), null),
        RawColumnData<double> numbers => Nested<double, string?>(numbers, field, rows, number => Real(Spell(number)), null),
        _ => Array.ConvertAll(Lists(field, data, rows), Spelled),
    };

    private static string?[]? Spelled(int[]? list) => list is null ? null : Array.ConvertAll(list, id => id < 0 ? null : Spell(id));

    /// <summary>Lists of integers; null where a row has none. Numbers that are no int32 of 0 or more, and nulls, become -1.</summary>
    public static int[]?[] Lists(DataField field, RawColumnData data, int rows) => data switch
    {
        RawColumnData<sbyte> numbers => Nested(numbers, field, rows, Id, -1),
        RawColumnData<byte> numbers => Nested(numbers, field, rows, Id, -1),
        RawColumnData<short> numbers => Nested(numbers, field, rows, Id, -1),
        RawColumnData<ushort> numbers => Nested(numbers, field, rows, Id, -1),
        RawColumnData<int> numbers => Nested(numbers, field, rows, Id, -1),
        RawColumnData<uint> numbers => Nested(numbers, field, rows, Id, -1),
        RawColumnData<long> numbers => Nested(numbers, field, rows, Id, -1),
        RawColumnData<ulong> numbers => Nested(numbers, field, rows, Id, -1),
        _ =>
            throw new PeftException(
                $"The column {BadRows.Quote(field.Name)} holds {ParquetTypes.Name(field)}, expected lists of integers."),
    };

    private static string?[] Flat<T>(RawColumnData<T> data, DataField field, int rows, Func<T, string?> spell) where T : struct
    {
        var values = data.Values;
        var levels = field.MaxDefinitionLevel == 0 ? [] : data.DefinitionLevels;
        if ((levels.IsEmpty ? values.Length : levels.Length) < rows) throw new InvalidDataException("a column ends before the rows do");
        var texts = new string?[rows];
        var next = 0;
        for (var row = 0; row < rows; row++)
        {
            if (levels.IsEmpty || levels[row] == field.MaxDefinitionLevel) texts[row] = spell(values[next++]);
        }
        return texts;
    }

    private static TElement[]?[] Nested<T, TElement>(
        RawColumnData<T> data, DataField field, int rows, Func<T, TElement> read, TElement missing)
        where T : struct
    {
        if (field.MaxRepetitionLevel != 1) throw new InvalidDataException("a list of lists");
        var values = data.Values;
        var levels = data.DefinitionLevels;
        var repetitions = data.RepetitionLevels;
        var nullElement = field.IsNullable && field.MaxDefinitionLevel > 1 ? field.MaxDefinitionLevel - 1 : -1;
        var emptyList = (nullElement < 0 ? field.MaxDefinitionLevel : nullElement) - 1;
        var lists = new TElement[]?[rows];
        var list = new List<TElement>();
        var (row, next) = (-1, 0);
        for (var i = 0; i < levels.Length; i++)
        {
            if (repetitions[i] == 0)
            {
                if (row >= 0 && lists[row] is not null) lists[row] = [.. list];
                if (++row >= rows) throw new InvalidDataException("a column has more rows than its row group");
                lists[row] = levels[i] < emptyList ? null : [];
                list.Clear();
            }
            if (levels[i] == field.MaxDefinitionLevel) list.Add(read(values[next++]));
            else if (levels[i] == nullElement) list.Add(missing);
        }
        if (row != rows - 1) throw new InvalidDataException("a column ends before the rows do");
        if (row >= 0 && lists[row] is not null) lists[row] = [.. list];
        return lists;
    }

    private static int Id<T>(T value) where T : struct, INumberBase<T> =>
        T.IsNegative(value) || (int.CreateSaturating(value) is var id && id == int.MaxValue) ? -1 : id;

    private static string Spell<T>(T number) where T : IFormattable => number.ToString(null, CultureInfo.InvariantCulture);

    // A column of floating-point numbers does not become one of classes because all happen to be whole.
    private static string Real(string number) => number.All(c => char.IsAsciiDigit(c) || c == '-') ? number + ".0" : number;

    // A text that rows share is made once; yet each row counts, for each may be copied later.
    private static Func<ReadOnlyMemory<T>, string?> Bounded<T>(Func<ReadOnlyMemory<T>, string?> spell, long maxLength)
    {
        var known = new Dictionary<ReadOnlyMemory<T>, string?>();
        var total = 0L;
        return text =>
        {
            total += text.Length;
            if (total > maxLength)
                throw new InvalidDataException(
                    $"the texts of a row group have more than the {maxLength >> 20:N0} million letters that are read at once; write the "
                    + "file with smaller row groups");
            if (known.TryGetValue(text, out var spelled)) return spelled;
            spelled = spell(text);
            if (known.Count < Shared) known.Add(text, spelled);
            return spelled;
        };
    }

    private static string? Decode(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            return Strict.GetString(bytes.Span);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
