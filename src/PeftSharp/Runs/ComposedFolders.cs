using System.Text.RegularExpressions;
using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Sites;

namespace PeftSharp.Runs;

/// <summary>
/// Adapters that act together, named by their folders: an expression such as <c>stack(runs/a,runs/b)</c> or
/// <c>fuse[runs/f](runs/a,runs/b)</c>, or a folder
/// with a saved composition.
/// </summary>
public sealed partial class ComposedFolders
{
    private ComposedFolders(AdapterExpression expression) => Expression = expression;

    /// <summary>What acts how, by folders.</summary>
    public AdapterExpression Expression { get; }

    /// <summary>Every folder of an adapter or a fusion.</summary>
    public IReadOnlyList<string> Folders => [.. Expression.Names.Concat(Expression.FusionNames)];

    /// <summary>
    /// The folder whose head, labels and tokenizer count: the last of a stack or split, the first of an average, a fusion's own.
    /// </summary>
    /// <exception cref="PeftException">A fusion answers whose folder is not named.</exception>
    public string Answering => Find(Expression);

    /// <summary>Reads what was given as an adapter; null for the folder of one adapter.</summary>
    /// <exception cref="PeftException">It is a damaged expression, or the folder's composition is damaged.</exception>
    public static ComposedFolders? TryRead(string given)
    {
        if (Path.Exists(given)) return IsSetup(given) ? new(AdapterSetup.Read(given)) : null;
        if (!AdapterExpression.IsComposed(given))
        {
            return UnknownWord().Match(given) is not { Success: true } match ? null : throw new PeftException(
                $"The expression {Quoted.Name(given)} begins with {Quoted.Name(match.Groups[1].Value)}, which is no way of acting "
                + "together; see stack(a,b), average(a:0.3,b:0.7), fuse[fusion](a,b), split(a:12,b).");
        }
        var expression = AdapterExpression.Parse(given);
        return new(expression.Renamed(name => IsSetup(name) ? AdapterSetup.Read(name) : AdapterExpression.Of(name), name => name));
    }

    /// <summary>The same with other folders in place of those named.</summary>
    public ComposedFolders Renamed(Func<string, string> folder) =>
        new(Expression.Renamed(name => AdapterExpression.Of(folder(name)), folder));

    /// <summary>The expression, which reads back the same.</summary>
    public override string ToString() => Expression.ToString();

    /// <summary>Loads every adapter and fusion into a model.</summary>
    /// <param name="model">The model.</param>
    /// <returns>What acts.</returns>
    /// <exception cref="PeftException">One of them does not fit the model, or the composition makes no sense for them.</exception>
    public AdapterComposition LoadInto(PeftModel model)
    {
        var adapters = new LoadedFolders(model);
        AdapterTag Fusion(string? path, IReadOnlyList<AdapterComposition> parts)
        {
            var folder = AdapterFolder.Open(path ?? throw Unnamed());
            if (folder.Options is not FusionOptions options)
                throw new PeftException($"{path} holds no fusion but an adapter; name the folder that {FusionLayout.ConfigFile} lies in.");
            RequireOrder(folder, [.. parts.Select(part => adapters.SavedAs(part.Last))]);
            folder.Options = model.Ready(options, parts);
            return folder.LoadInto(model, LoadedFolders.FreeName(model, folder.SavedAs ?? "fusion")).Tag;
        }
        var composition = Expression.Resolve(adapters.Load, Fusion);
        model.Model.Sites.Require(composition);
        return composition;
    }

    /// <summary>Loads what a fusion fuses; the fusion itself is to be trained.</summary>
    /// <exception cref="PeftException">One of the adapters does not fit the model.</exception>
    internal static IReadOnlyList<AdapterComposition> LoadParts(PeftModel model, AdapterExpression fuse)
    {
        var adapters = new LoadedFolders(model);
        return [.. fuse.Children.Select(child => child.Resolve(adapters.Load, (_, _) => throw Unnamed()))];
    }

    /// <summary>Refuses a fusion in place of an adapter.</summary>
    internal static void RequireAdapter(string folder)
    {
        if (AdapterFolder.IsFusion(folder) && !File.Exists(Path.Combine(folder, AdapterFolder.ConfigFile)))
            throw new PeftException(
                $"{folder} holds a fusion, which acts with its adapters alone; write fuse[{folder}](FOLDER,FOLDER), "
                + "each with the folder of an adapter.");
    }

    private static bool IsSetup(string folder) => AdapterSetup.Is(folder) && !AdapterFolder.Is(folder);

    // What is trained on a and b answers nonsense for b and a, and nothing would show it.
    private static void RequireOrder(AdapterFolder fusion, IReadOnlyList<string?> saved)
    {
        var expected = fusion.FusedNames;
        if (expected.Count != saved.Count)
            throw new PeftException(
                $"{fusion.Path} fuses {expected.Count} adapters ({string.Join(", ", expected)}), but {saved.Count} were named with it.");
        if (!saved.Contains(null) && !saved.SequenceEqual(expected) && saved.Order().SequenceEqual(expected.Order()))
            throw new PeftException($"{fusion.Path} was trained on {string.Join(", ", expected)} in this order; name the adapters so.");
    }

    private static string Find(AdapterExpression node) => node.Kind switch
    {
        CompositionKind.One => node.Name!,
        CompositionKind.Average => Find(node.Children[0]),
        CompositionKind.Fuse => node.Name ?? throw Unnamed(),
        _ => Find(node.Children[^1]),
    };

    // What looks like several adapters, and is no folder.
    [GeneratedRegex(@"^\s*(\w{1,40})\s*\([^()]{1,4000},[^()]{1,4000}\)\s*$", RegexOptions.CultureInvariant)]
    private static partial Regex UnknownWord();

    private static PeftException Unnamed() =>
        new("A fusion needs the folder that holds it: write fuse[FOLDER](FOLDER,FOLDER), the first that of the fusion.");
}
