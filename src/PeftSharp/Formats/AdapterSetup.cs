using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Methods;
using PeftSharp.Methods.Json;
using PeftSharp.Sites;

namespace PeftSharp.Formats;

/// <summary>
/// A composition on disk, as AdapterHub's <c>save_adapter_setup</c> writes it: <c>adapter_setup.json</c>, and a folder for each adapter and
/// fusion.
/// </summary>
public static class AdapterSetup
{
    /// <summary>The file that says what acts how.</summary>
    public const string FileName = "adapter_setup.json";

    /// <summary>True if a folder holds a composition.</summary>
    public static bool Is(string folder) => File.Exists(Path.Combine(folder, FileName));

    /// <summary>Reads a composition; its names are the paths of its folders.</summary>
    /// <exception cref="PeftException">The file is damaged, or of something that is not supported.</exception>
    public static AdapterExpression Read(string folder)
    {
        var file = Path.Combine(folder, FileName);
        var source = new JsonSource(file, AdapterJson.Advice);
        var fields = new JsonFields(source, AdapterJson.ReadObject(file));
        var setup = fields.Object("adapter_setup") ?? throw fields.Wrong("adapter_setup", null, "the composition");
        var read = Node(folder, setup, AdapterComposition.MostDepth);
        var names = read.Names.Count;
        return names <= AdapterComposition.MostAdapters ? read
            : throw source.BadAt("$.adapter_setup", 0, $"names {names} adapters; expected at most {AdapterComposition.MostAdapters}");
    }

    /// <summary>Writes a composition of a model's adapters with all of them, in AdapterHub's format.</summary>
    /// <param name="model">The model.</param>
    /// <param name="composition">The composition.</param>
    /// <param name="folder">The folder; created if need be.</param>
    /// <exception cref="PeftException">
    /// An adapter has no place in that format, or its name cannot be that of a folder; nothing is written then.
    /// </exception>
    public static void Save(PeftModel model, AdapterComposition composition, string folder)
    {
        var (adapters, text) = Contents(model, composition);
        Directory.CreateDirectory(folder);
        foreach (var adapter in adapters) AdapterFolder.Save(adapter, Path.Combine(folder, adapter.Name), AdapterFormat.AdapterHub);
        AtomicFile.WriteText(Path.Combine(folder, FileName), text);
    }

    /// <summary>The files that <see cref="Save"/> would write, by their names in the folder, with their exact lengths in bytes.</summary>
    /// <exception cref="PeftException">As there.</exception>
    internal static IReadOnlyList<KeyValuePair<string, long>> Files(PeftModel model, AdapterComposition composition)
    {
        var (adapters, text) = Contents(model, composition);
        return
        [
            .. adapters.SelectMany(
                adapter => AdapterFolder.Files(adapter, AdapterFormat.AdapterHub)
                    .Select(file => KeyValuePair.Create($"{adapter.Name}/{file.Key}", file.Value))),
            new(FileName, System.Text.Encoding.UTF8.GetByteCount(text)),
        ];
    }

    private static (List<PeftMethod> Adapters, string Text) Contents(PeftModel model, AdapterComposition composition)
    {
        var adapters = composition.Adapters.Distinct().Select(tag => model.Adapters.Values.FirstOrDefault(a => a.Tag == tag)
            ?? throw new PeftException(
                $"The adapter \"{tag.Name}\" is not one of this model's; save the composition with the model that has it.")).ToList();
        foreach (var adapter in adapters)
        {
            if (!IsFolderName(adapter.Name))
                throw new PeftException($"The adapter {Quoted.Name(adapter.Name)} cannot have a folder of that name; rename it.");
            if (adapter.Refusal(AdapterFormat.AdapterHub) is { } sentence) throw new PeftException(sentence);
        }
        var document = new JsonObject
        {
            // AdapterHub's own reader expects a block at the top.
            ["adapter_setup"] = composition is AdapterComposition.One
                ? new JsonObject { ["type"] = "Stack", ["children"] = new JsonArray(Document(composition)) }
                : Document(composition),
            ["head_setup"] = null,
            ["version"] = "adapters.1.2.0",
        };
        return (adapters, AdapterJson.Text(document));
    }

    private static AdapterExpression Node(string folder, JsonFields node, int depth)
    {
        if (depth == 0) throw node.Wrong("children", null, $"a composition at most {AdapterComposition.MostDepth} deep");
        var type = node.Text("type", 100);
        if (type == "single")
        {
            var names = node.Texts("children");
            return names is [var name] && IsFolderName(name) ? AdapterExpression.Of(Path.Combine(folder, name))
                : throw node.Wrong("children", null, "the name of one adapter");
        }
        var children = (node.Objects("children", AdapterComposition.MostAdapters) ?? []).Select(child => Node(folder, child, depth - 1))
            .ToList();
        if (children.Count == 0) throw node.Wrong("children", null, "at least one adapter");
        var settings = node.Object("kwargs");
        switch (type)
        {
            case "Stack":
                return children.Count == 1 ? children[0] : AdapterExpression.Stack(children);
            case "Fuse":
                var fused = string.Join(",", children.Select(child => Path.GetFileName(child.Names[^1])));
                return AdapterExpression.Fuse(Path.Combine(folder, fused), children);
            case "Average":
                var weights = settings?.Numbers("weights") ?? [.. children.Select(_ => 1.0)];
                return weights.Count == children.Count ? AdapterExpression.Average(children, weights)
                    : throw node.Wrong("kwargs", null, "a weight for each adapter");
            case "Split":
                var tokens = settings?.Numbers("splits") ?? [];
                if (tokens.Count != children.Count || tokens.Any(n => n is not (>= 1 and <= 1 << 20) || n % 1 != 0))
                    throw node.Wrong("kwargs", null, "a number of tokens for each adapter");
                return AdapterExpression.Split(children, [.. tokens.Take(tokens.Count - 1)]);
            default:
                throw node.Wrong("type", type is null ? null : JsonValue.Create(type),
                    "\"single\", \"Stack\", \"Fuse\", \"Average\" or \"Split\" (what belongs to rows is chosen row by row here)");
        }
    }

    private static JsonObject Document(AdapterComposition node) => node switch
    {
        AdapterComposition.One one => new() { ["type"] = "single", ["children"] = new JsonArray(one.Adapter.Name) },
        AdapterComposition.Average average => Block("Average", node,
            new() { ["weights"] = new JsonArray([.. average.Weights.Select(w => (JsonNode)PythonNumber.Float(w))]) }),
        AdapterComposition.Fuse => Block("Fuse", node, null),
        AdapterComposition.Split => throw new PeftException(
            $"{node}: AdapterHub's file of a split names the tokens of every part, and here the last takes those that are left; "
            + "keep the expression instead."),
        _ => Block("Stack", node, null),
    };

    private static JsonObject Block(string type, AdapterComposition node, JsonObject? settings)
    {
        var block = new JsonObject
        {
            ["type"] = type,
            ["children"] = new JsonArray([.. node.Children.Select(child => (JsonNode)Document(child))])
        };
        if (settings is not null) block["kwargs"] = settings;
        return block;
    }

    // A file of a stranger's must not lead out of its folder.
    private static bool IsFolderName(string name) =>
        name.Length is > 0 and <= 200 && name is not ("." or "..") && name.IndexOfAny(['/', '\\', ':', '\0']) < 0 && name.Trim() == name;
}
