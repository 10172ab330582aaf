using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace PeftSharp.Tests.House;

/// <summary>The types and members of an assembly that its users can name, a line each, in order.</summary>
internal static class PublicSurface
{
    private const BindingFlags Own =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    public static IEnumerable<string> Of(Assembly assembly) =>
        assembly.GetExportedTypes().SelectMany(type => Members(type).Prepend(Head(type))).Distinct().Order(StringComparer.Ordinal);

    private static string Head(Type type)
    {
        if (type.IsEnum) return $"{SurfaceNames.Full(type)} : enum";
        var bases = type.GetInterfaces().Where(i => i.IsPublic && !IsOfRecord(i)).Select(SurfaceNames.Of).Order(StringComparer.Ordinal);
        if (type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType))
            bases = bases.Prepend(SurfaceNames.Of(parent)).Order(StringComparer.Ordinal);
        return string.Join(", ", bases.Prepend($"{SurfaceNames.Full(type)} : {Kind(type)}"));
    }

    private static bool IsOfRecord(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IEquatable<>);

    private static string Kind(Type type)
    {
        if (type.IsInterface) return "interface";
        if (typeof(Delegate).IsAssignableFrom(type)) return "delegate";
        if (type.IsValueType) return "struct";
        return type is { IsAbstract: true, IsSealed: true } ? "static class"
            : type.IsAbstract ? "abstract class"
            : type.IsSealed ? "sealed class"
            : "class";
    }

    private static IEnumerable<string> Members(Type type)
    {
        var place = SurfaceNames.Full(type);
        foreach (var member in type.GetMembers(Own))
            if (!IsGenerated(member) && Text(member) is { } text) yield return $"{place}.{text}";
    }

    private static bool IsGenerated(MemberInfo member) =>
        member.IsDefined(typeof(CompilerGeneratedAttribute), false) || member.Name.Contains('<', StringComparison.Ordinal);

    private static string? Text(MemberInfo member) => member switch
    {
        ConstructorInfo { IsStatic: false } made when Access(made) is { } access => $"#{Parameters(made)}{After(access)}",
        MethodInfo { IsSpecialName: false } method when Access(method) is { } access && !IsCommon(method) =>
            $"{method.Name}{SurfaceNames.Arguments(method)}{Parameters(method)} : {access}{Way(method)}"
                + SurfaceNames.Of(method.ReturnType),
        MethodInfo method when method.Name.StartsWith("op_", StringComparison.Ordinal) && Access(method) is not null =>
            $"{method.Name}{Parameters(method)} : {SurfaceNames.Of(method.ReturnType)}",
        PropertyInfo property => Property(property),
        FieldInfo { IsPublic: true, IsSpecialName: false } field => Field(field),
        EventInfo happening when Access(happening.AddMethod!) is not null => $"{happening.Name} : event",
        _ => null,
    };

    // Every record and many others have them.
    private static bool IsCommon(MethodInfo method) =>
        method.Name is "ToString" or "GetHashCode" or "Equals" or "PrintMembers" && method.GetBaseDefinition() != method;

    private static string? Property(PropertyInfo property)
    {
        var get = property.GetMethod is { } getter ? Access(getter) : null;
        var set = property.SetMethod is { } setter ? Access(setter) : null;
        if ((get ?? set) is null || property.Name == "EqualityContract") return null;
        var written = property.SetMethod?.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) == true
            ? "init;"
            : "set;";
        var first = property.GetMethod ?? property.SetMethod!;
        var index = property.GetIndexParameters().Length > 0 ? Parameters(first) : "";
        // By name, since another assembly brings one of its own.
        var required = property.CustomAttributes.Any(a => a.AttributeType.Name == "RequiredMemberAttribute") ? "required " : "";
        return $"{property.Name}{index} {{ {(get is null ? "" : $"{get}get; ")}{(set is null ? "" : $"{set}{written} ")}}} : "
            + $"{required}{Way(first)}{SurfaceNames.Of(property.PropertyType)}";
    }

    private static string Field(FieldInfo field)
    {
        if (!field.IsLiteral) return $"{field.Name} : {(field.IsStatic ? "static " : "")}{SurfaceNames.Of(field.FieldType)}";
        var value = field.GetRawConstantValue();
        var text = value is string quoted ? $"\"{quoted}\"" : Convert.ToString(value, CultureInfo.InvariantCulture);
        return field.DeclaringType!.IsEnum ? $"{field.Name} = {text}" : $"{field.Name} : const {SurfaceNames.Of(field.FieldType)} = {text}";
    }

    // Nothing for public, "protected " for derived classes, null for what users cannot reach.
    private static string? Access(MethodBase method) => method.IsPublic ? ""
        : (method.IsFamily || method.IsFamilyOrAssembly) && method.DeclaringType is { IsSealed: false } ? "protected "
        : null;

    private static string After(string access) => access.Length == 0 ? "" : $" : {access.Trim()}";

    private static string Way(MethodInfo method) => method.IsStatic ? "static "
        : method.DeclaringType!.IsInterface ? ""
        : method.IsAbstract ? "abstract "
        : method.IsVirtual && !method.IsFinal ? method.GetBaseDefinition() == method ? "virtual " : "override "
        : "";

    private static string Parameters(MethodBase method) =>
        $"({string.Join(", ", method.GetParameters().Select(SurfaceNames.Of))})";
}
