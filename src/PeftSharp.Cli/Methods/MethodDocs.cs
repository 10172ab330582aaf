using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;

namespace PeftSharp.Cli.Methods;

/// <summary>What the library's documentation says of a property: the help of a setting is written once, in the code.</summary>
internal static partial class MethodDocs
{
    private static readonly Lazy<Dictionary<string, string>> Summaries = new(Read);

    public static string Of(PropertyInfo property)
    {
        // An override may have no words of its own.
        for (var type = property.DeclaringType; type is not null; type = type.BaseType)
            if (Summaries.Value.TryGetValue($"P:{type.FullName}.{property.Name}", out var words)) return words;
        return "";
    }

    // The file lies beside the library; a copy of the program without it shows the settings without their help.
    private static Dictionary<string, string> Read()
    {
        var file = Path.Combine(AppContext.BaseDirectory, "PeftSharp.xml");
        if (!File.Exists(file)) return [];
        try
        {
            return XDocument.Load(file).Descendants("member")
                .Where(
                    m =>
                        m.Attribute("name")?.Value.StartsWith("P:PeftSharp.Methods.", StringComparison.Ordinal) == true
                            && m.Element("summary") is not null)
                .ToDictionary(m => m.Attribute("name")!.Value, m => Plain(m.Element("summary")!));
        }
        catch (XmlException)
        {
            return [];
        }
    }

    private static string Plain(XElement summary) => Spaces().Replace(string.Concat(summary.Nodes().Select(Text)), " ").Trim();

    private static string Text(XNode node) => node switch
    {
        XElement { Name.LocalName: "see" } see => see.Attribute("cref")?.Value.Split('.')[^1] ?? "",
        XElement element => element.Value,
        XText text => text.Value,
        _ => "",
    };

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
