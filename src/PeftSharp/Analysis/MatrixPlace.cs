using PeftSharp.Composition;
using PeftSharp.Methods;
using PeftSharp.Sites;

namespace PeftSharp.Analysis;

/// <summary>Where a matrix stands in its model.</summary>
/// <param name="Path">The module's path.</param>
/// <param name="Layer">Index of its layer; -1 outside the layers.</param>
/// <param name="Module">Its path inside the layer, for example <c>attention.self.query</c>; outside the layers its path.</param>
/// <param name="Group">What it belongs to.</param>
public sealed record MatrixPlace(string Path, int Layer, string Module, MatrixGroup Group)
{
    internal static MatrixPlace Of(string path, MatrixGroup group)
    {
        var parts = path.Split('.');
        var at = Array.FindIndex(parts, p => p.Length > 0 && p.All(char.IsAsciiDigit) && p.Length < 6);
        return at < 0 || at == parts.Length - 1 ? new(path, -1, path, group)
            : new(
                path, int.Parse(parts[at], System.Globalization.CultureInfo.InvariantCulture), string.Join('.', parts[(at + 1)..]), group);
    }
}
