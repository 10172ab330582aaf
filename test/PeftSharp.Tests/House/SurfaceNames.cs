using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace PeftSharp.Tests.House;

/// <summary>Names of types and parameters as C# writes them.</summary>
internal static class SurfaceNames
{
    private static readonly Dictionary<Type, string> Words = new()
    {
        [typeof(void)] = "void",
        [typeof(bool)] = "bool",
        [typeof(byte)] = "byte",
        [typeof(sbyte)] = "sbyte",
        [typeof(char)] = "char",
        [typeof(short)] = "short",
        [typeof(ushort)] = "ushort",
        [typeof(int)] = "int",
        [typeof(uint)] = "uint",
        [typeof(long)] = "long",
        [typeof(ulong)] = "ulong",
        [typeof(float)] = "float",
        [typeof(double)] = "double",
        [typeof(string)] = "string",
        [typeof(object)] = "object",
    };

    /// <summary>A type's name with its namespace.</summary>
    public static string Full(Type type) => $"{type.Namespace}.{Nested(type)}";

    /// <summary>A type's name where it is used.</summary>
    public static string Of(Type type)
    {
        if (Words.TryGetValue(type, out var word)) return word;
        if (type.IsGenericParameter) return type.Name;
        if (type.IsByRef) return $"ref {Of(type.GetElementType()!)}";
        if (type.IsPointer) return $"{Of(type.GetElementType()!)}*";
        if (type.IsArray) return $"{Of(type.GetElementType()!)}[{new string(',', type.GetArrayRank() - 1)}]";
        if (Nullable.GetUnderlyingType(type) is { } plain) return $"{Of(plain)}?";
        return type.IsGenericType && type.FullName?.StartsWith("System.ValueTuple`", StringComparison.Ordinal) == true
            ? $"({string.Join(", ", type.GetGenericArguments().Select(Of))})"
            : Nested(type);
    }

    /// <summary>A parameter with its default.</summary>
    public static string Of(ParameterInfo parameter)
    {
        var many = parameter.IsDefined(typeof(ParamArrayAttribute), false)
            || parameter.IsDefined(typeof(ParamCollectionAttribute), false);
        var way = parameter.IsOut ? "out " : many ? "params " : "";
        var type = Of(parameter.ParameterType);
        if (parameter.IsOut || parameter.IsIn) type = type.Replace("ref ", parameter.IsIn ? "in " : "", StringComparison.Ordinal);
        return $"{way}{type} {parameter.Name}{(parameter.HasDefaultValue ? $" = {Default(parameter)}" : "")}";
    }

    /// <summary>The type parameters of a method; nothing where it has none.</summary>
    public static string Arguments(MethodInfo method) =>
        method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(Of))}>" : "";

    private static string Default(ParameterInfo parameter) => parameter.DefaultValue switch
    {
        null => parameter.ParameterType.IsValueType && Nullable.GetUnderlyingType(parameter.ParameterType) is null ? "default" : "null",
        string text => $"\"{text}\"",
        bool flag => flag ? "true" : "false",
        Enum value => $"{value.GetType().Name}.{value}",
        var value => parameter.ParameterType is { IsEnum: true } kind ? $"{kind.Name}.{Enum.ToObject(kind, value)}"
            : Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Nested(Type type)
    {
        var own = type.Name.Split('`')[0];
        var outerArguments = type.DeclaringType?.GetGenericArguments().Length ?? 0;
        if (type.IsGenericType && type.GetGenericArguments()[outerArguments..] is { Length: > 0 } mine)
            own += $"<{string.Join(", ", mine.Select(Of))}>";
        return type.DeclaringType is { } outer && !type.IsGenericParameter ? $"{Nested(outer)}.{own}" : own;
    }
}
