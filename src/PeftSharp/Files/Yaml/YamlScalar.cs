using System.Globalization;
using System.Text.Json.Nodes;

namespace PeftSharp.Files.Yaml;

/// <summary>A text; plain where it stands without quotes.</summary>
internal sealed record YamlScalar(int Line, string Text, bool IsPlain) : YamlValue(Line)
{
    public bool IsNull => IsPlain && Text is "" or "null" or "~";

    public override JsonNode? Json()
    {
        if (IsNull) return null;
        if (!IsPlain) return Text;
        if (bool.TryParse(Text, out var flag)) return flag;
        if (long.TryParse(Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)) return whole;
        return double.TryParse(Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? number
            : Text;
    }
}
