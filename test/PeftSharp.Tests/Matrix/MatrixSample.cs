using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Models;

namespace PeftSharp.Tests.Matrix;

/// <summary>
/// Which method meets which architecture. The core architectures meet every method, BERT every preset too and the others a drawn part of
/// them; each further one meets a drawn method of every family and of every kind of site, and a drawn part of the rest.
/// PEFTSHARP_MATRIX=whole pairs all with all, PEFTSHARP_MATRIX=NAME one architecture with all methods, PEFTSHARP_MATRIX=further the sample
/// without the core.
/// </summary>
internal static class MatrixSample
{
    // One preset in so many, on core architectures but the first.
    private const ulong PresetShare = 16;

    // One pair in so many of the rest.
    private const ulong Share = 256;

    // T5 has no biases, and no head of its own where it answers with texts; what acts on chosen tokens or behind the embeddings is refused
    // for two stacks.
    private static readonly HashSet<(string, string)> Inapplicable =
    [
        ("t5", "head"), ("t5", "bitfit"), ("t5", "loreft"), ("t5", "noreft"), ("t5", "direft"), ("t5", "seq_bn_inv"),
        ("t5", "double_seq_bn_inv"), (TinyModels.TwoStackClasses, "bitfit"), (TinyModels.TwoStackClasses, "loreft"),
        (TinyModels.TwoStackClasses, "noreft"), (TinyModels.TwoStackClasses, "direft"), (TinyModels.TwoStackClasses, "seq_bn_inv"),
        (TinyModels.TwoStackClasses, "double_seq_bn_inv"),
    ];

    private static IEnumerable<string> Named => Asked is { } one && TinyModels.Entry(one) is not null ? [one]
        : Asked == "further" ? TinyModels.Names.Except(TinyModels.Core).Append(TinyModels.TwoStackClasses)
        : TinyModels.Names.Append("t5").Append(TinyModels.TwoStackClasses);

    private static string? Asked => Environment.GetEnvironmentVariable("PEFTSHARP_MATRIX");

    /// <summary>The pairs; always the same ones.</summary>
    public static IReadOnlyList<(string Architecture, string Method)> Pairs { get; } =
    [
        .. from architecture in Named
           from method in MethodsOf(architecture)
           where !Inapplicable.Contains((architecture, method)) && MatrixCases.Info(method).TaskType is null
           select (architecture, method),
    ];

    /// <summary>True if every method meets the architecture.</summary>
    public static bool IsWhole(string architecture) =>
        TinyModels.Core.Contains(architecture) || Asked == "whole" || Asked == architecture;

    private static IEnumerable<string> MethodsOf(string architecture)
    {
        if (architecture == "bert" || (Asked is not null && IsWhole(architecture))) return MethodRegistry.All.SelectMany(Names).Distinct();
        // Presets are other settings of a method: one architecture meets them all, the other core ones a part.
        if (IsWhole(architecture))
        {
            var some = MethodRegistry.All.SelectMany(Names).Where(method => Draw(architecture, method) % PresetShare == 0);
            return MethodRegistry.All.Select(info => info.Name).Concat(some).Distinct();
        }
        var families = MethodRegistry.All.GroupBy(info => $"{info.Family}").Select(group => Drawn(architecture, group));
        var sites = MethodRegistry.All.GroupBy(info => info.Sites).Select(group => Drawn(architecture, group));
        var rest = MethodRegistry.All.SelectMany(Names).Where(method => Draw(architecture, method) % Share == 0);
        return families.Concat(sites).Concat(rest).Distinct();
    }

    private static string Drawn(string architecture, IEnumerable<MethodInfo> group) =>
        group.SelectMany(Names).MinBy(method => Draw(architecture, method))!;

    private static ulong Draw(string architecture, string method) => SeedSequence.Derive(15, $"{architecture} {method}");

    private static IEnumerable<string> Names(MethodInfo info) => info.Presets.Keys.Prepend(info.Name);
}
