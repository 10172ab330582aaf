using System.Globalization;
using PeftSharp.Sites;

namespace PeftSharp.Composition;

/// <summary>
/// How adapters act together, as text: <c>a</c>, <c>stack(a,b)</c>, <c>average(a:0.3,b:0.7)</c>, <c>fuse(a,b)</c>, <c>fuse[name](a,b)</c>,
/// <c>split(a:12,b)</c>, and these inside each other. In a program names are those of adapters; on the command line they are folders.
/// </summary>
/// <remarks>A name that holds one of <c>, ( ) [ ] "</c> stands in double quotes, a double quote in it is written twice.</remarks>
public sealed class AdapterExpression
{
    private AdapterExpression(CompositionKind kind, string? name, IReadOnlyList<AdapterExpression> children,
        IReadOnlyList<double> numbers) =>
        (Kind, Name, Children, Numbers) = (kind, name, children, numbers);

    /// <summary>What it says.</summary>
    public CompositionKind Kind { get; }

    /// <summary>The adapter's name; in a fusion that of the fusion, or null for the one of its adapters.</summary>
    public string? Name { get; }

    /// <summary>What it is made of.</summary>
    public IReadOnlyList<AdapterExpression> Children { get; }

    /// <summary>The weights of an average; the tokens of a split but for its last part; empty elsewhere.</summary>
    public IReadOnlyList<double> Numbers { get; }

    /// <summary>Every adapter that it names, each once, in order; fusions are not among them.</summary>
    public IReadOnlyList<string> Names => [.. (Kind == CompositionKind.One ? [Name!]
        : Children.SelectMany(child => child.Names)).Distinct()];

    /// <summary>Every fusion that it names.</summary>
    public IReadOnlyList<string> FusionNames =>
        [.. Children.SelectMany(child => child.FusionNames)
            .Concat(Kind == CompositionKind.Fuse && Name is not null ? [Name] : []).Distinct()];

    /// <summary>True if a text is more than a name.</summary>
    public static bool IsComposed(string text) => ExpressionReader.StartsComposition(text);

    /// <summary>Reads an expression.</summary>
    /// <exception cref="PeftException">It is none; the message says where.</exception>
    public static AdapterExpression Parse(string text) => IsComposed(text) ? new ExpressionReader(text).Read() : Of(text);

    /// <summary>One adapter.</summary>
    public static AdapterExpression Of(string name) => new(CompositionKind.One, name, [], []);

    /// <summary>Adapters one after the other.</summary>
    public static AdapterExpression Stack(IReadOnlyList<AdapterExpression> children) => new(CompositionKind.Stack, null, children, []);

    /// <summary>A weighted mean, the weights as they were written.</summary>
    public static AdapterExpression Average(IReadOnlyList<AdapterExpression> children, IReadOnlyList<double> weights) =>
        new(CompositionKind.Average, null, children, weights);

    /// <summary>A fusion; without a name, the one of its adapters.</summary>
    public static AdapterExpression Fuse(string? name, IReadOnlyList<AdapterExpression> children) =>
        new(CompositionKind.Fuse, name, children, []);

    /// <summary>Parts of the sequence; there is one number of tokens less than parts.</summary>
    public static AdapterExpression Split(IReadOnlyList<AdapterExpression> children, IReadOnlyList<double> tokens) =>
        new(CompositionKind.Split, null, children, tokens);

    /// <summary>The same with other names.</summary>
    /// <param name="adapter">The new name of an adapter.</param>
    /// <param name="fusion">The new name of a fusion.</param>
    internal AdapterExpression Renamed(Func<string, AdapterExpression> adapter, Func<string, string> fusion) =>
        Kind == CompositionKind.One ? adapter(Name!)
        : new(Kind, Name is null ? null : fusion(Name), [.. Children.Select(child => child.Renamed(adapter, fusion))], Numbers);

    /// <summary>The composition that it means.</summary>
    /// <param name="adapter">Finds an adapter by name.</param>
    /// <param name="fusion">Finds a fusion by its name, or, where that is null, by what it fuses.</param>
    /// <exception cref="PeftException">A name is unknown, or the composition makes no sense.</exception>
    internal AdapterComposition Resolve(
        Func<string, AdapterTag> adapter, Func<string?, IReadOnlyList<AdapterComposition>, AdapterTag> fusion)
    {
        if (Kind == CompositionKind.One) return AdapterComposition.Of(adapter(Name!));
        AdapterComposition[] children = [.. Children.Select(child => child.Resolve(adapter, fusion))];
        return Kind switch
        {
            CompositionKind.Stack => AdapterComposition.StackOf(children),
            CompositionKind.Average => AdapterComposition.AverageOf([.. children.Zip(Numbers)]),
            CompositionKind.Split => AdapterComposition.SplitOf([.. children
                .Select((child, i) => (child, i < Numbers.Count ? (int)Numbers[i] : 0))]),
            _ => AdapterComposition.FuseOf(fusion(Name, children), children),
        };
    }

    /// <summary>The expression as text that reads back the same.</summary>
    public override string ToString()
    {
        if (Kind == CompositionKind.One) return ExpressionReader.Quote(Name!);
        var name = Name is null ? "" : $"[{ExpressionReader.Quote(Name)}]";
        string Number(int i) => i < Numbers.Count ? string.Create(CultureInfo.InvariantCulture, $":{Numbers[i]:R}") : "";
        return $"{Kind.ToString().ToLowerInvariant()}{name}({string.Join(",", Children.Select((child, i) => child + Number(i)))})";
    }
}
