using Parquet.Schema;

namespace PeftSharp.Data.Files;

/// <summary>Names of parquet columns' types.</summary>
internal static class ParquetTypes
{
    public const string Text = "string", Binary = "binary";

    private static readonly Dictionary<Type, string> Names = new()
    {
        [typeof(ReadOnlyMemory<char>)] = Text,
        [typeof(ReadOnlyMemory<byte>)] = Binary,
        [typeof(bool)] = "bool",
        [typeof(sbyte)] = "int8",
        [typeof(byte)] = "uint8",
        [typeof(short)] = "int16",
        [typeof(ushort)] = "uint16",
        [typeof(int)] = "int32",
        [typeof(uint)] = "uint32",
        [typeof(long)] = "int64",
        [typeof(ulong)] = "uint64",
        [typeof(float)] = "float32",
        [typeof(double)] = "float64",
    };

    public static string Name(Field field) => field switch
    {
        ListField list => $"list<{Name(list.Item)}>",
        DataField { IsArray: true } data => $"list<{Name(data.ClrType)}>",
        DataField data => Name(data.ClrType),
        _ => field.SchemaType.ToString().ToLowerInvariant(),
    };

    /// <summary>True for strings, numbers and booleans.</summary>
    public static bool IsScalar(string type) => Names.ContainsValue(type);

    public static bool IsInteger(string type) =>
        type.StartsWith("int", StringComparison.Ordinal) || type.StartsWith("uint", StringComparison.Ordinal);

    /// <summary>The type of a list's elements; null for another type.</summary>
    public static string? ElementOf(string type) => type.StartsWith("list<", StringComparison.Ordinal) ? type[5..^1] : null;

    public static bool IsIntegerList(string type) => type.StartsWith("list<", StringComparison.Ordinal) && IsInteger(type[5..]);

    private static string Name(Type type) => Names.TryGetValue(type, out var name) ? name : type.Name.ToLowerInvariant();
}
