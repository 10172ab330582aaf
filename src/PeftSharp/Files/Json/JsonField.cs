using System.Text.Json;

namespace PeftSharp.Files.Json;

/// <summary>A value of a JSON file that knows where it stands, so that an error can say so.</summary>
internal readonly struct JsonField(string file, string path, JsonElement element)
{
    /// <summary>The value itself.</summary>
    public JsonElement Element => element;

    /// <summary>The whole of a file.</summary>
    public static JsonField Root(string file, JsonDocument document) => new(file, "", document.RootElement);

    /// <summary>Parses a file, checked whole.</summary>
    public static JsonDocument Parse(string file, ReadOnlyMemory<byte> bytes) =>
        StrictJson.Document(new(file, "expected a complete JSON object: download the file again"), bytes, JsonBounds.Lists);

    /// <summary>A member that may be missing or null.</summary>
    public JsonField? Optional(string name)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw Error(Describe(), "an object", "download the file again");
        }
        return element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? new JsonField(file, Join(name), value) : null;
    }

    /// <summary>A member that must be there.</summary>
    public JsonField Required(string name) => Optional(name)
        ?? throw new JsonField(file, Join(name), default).Error("missing", "a value", "download the file again");

    /// <summary>The text of a string.</summary>
    public string String()
    {
        if (element.ValueKind != JsonValueKind.String)
        {
            throw Error(Describe(), "a string", "download the file again");
        }
        return element.GetString()!;
    }

    /// <summary>An integer in [0, <paramref name="largest"/>].</summary>
    public int Int(int largest) => element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out var value)
        && value >= 0 && value <= largest ? value : throw Error(Describe(), $"an integer from 0 to {largest}", "correct it");

    /// <summary>A boolean member, or a default where it is missing or null.</summary>
    public bool Flag(string name, bool whenMissing) => Optional(name) is not { } field ? whenMissing : field.Element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw field.Error(field.Describe(), "true or false", "correct it"),
    };

    /// <summary>The items of an array of at most so many.</summary>
    public IEnumerable<JsonField> Items(int most = int.MaxValue)
    {
        if (element.ValueKind != JsonValueKind.Array)
        {
            throw Error(Describe(), "an array", "download the file again");
        }
        if (element.GetArrayLength() > most)
        {
            throw Error($"an array of {element.GetArrayLength():N0} items", $"at most {most}", "check that it is a tokenizer");
        }
        var (name, at, index) = (file, path, 0);
        return element.EnumerateArray().Select(item => new JsonField(name, $"{at}[{index++}]", item));
    }

    /// <summary>The members of an object.</summary>
    public IEnumerable<(string Name, JsonField Value)> Members()
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw Error(Describe(), "an object", "download the file again");
        }
        var (name, at) = (file, path);
        return element.EnumerateObject().Select(member => (member.Name, new JsonField(name, $"{at}[\"{member.Name}\"]", member.Value)));
    }

    /// <summary>What to throw for this field.</summary>
    public PeftException Error(string found, string expected, string advice) =>
        new($"{file}: {(path.Length == 0 ? "the file" : path)} is {found}, expected {expected}; {advice}.");

    /// <summary>The value in a few words.</summary>
    public string Describe() => element.ValueKind switch
    {
        JsonValueKind.Undefined => "missing",
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        _ => element.GetRawText() is var text && text.Length > 60 ? text[..60] + "…" : text,
    };

    private string Join(string name) => path.Length == 0 ? name : $"{path}.{name}";
}
