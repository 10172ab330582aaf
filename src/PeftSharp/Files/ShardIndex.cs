using System.Text.Json;
using PeftSharp.Files;
using PeftSharp.Files.Json;

namespace PeftSharp.Files;

/// <summary>The index of a sharded checkpoint: which file of the same folder holds which tensor.</summary>
internal static class ShardIndex
{
    private const string Advice = "download the model again";

    /// <summary>Tensor name to shard file name, each a plain name within the index's own folder.</summary>
    public static Dictionary<string, string> Read(string path)
    {
        var bytes = RegularFile.Bytes(path, JsonBounds.Lists.Bytes);
        return Parse(StrictJson.Checked(new(path, Advice), bytes, JsonBounds.Lists), path);
    }

    private static Dictionary<string, string> Parse(ReadOnlySpan<byte> json, string path)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 80 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            throw new PeftException($"{path} is no JSON object; {Advice}.");
        Dictionary<string, string>? map = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMap = reader.ValueTextEquals("weight_map"u8);
            reader.Read();
            if (!isMap) reader.Skip();
            else map = ReadMap(ref reader, path);
        }
        return map ?? throw new PeftException($"{path} has no \"weight_map\"; {Advice}.");
    }

    private static Dictionary<string, string> ReadMap(ref Utf8JsonReader reader, string path)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new PeftException($"{path} has a \"weight_map\" that is no object; {Advice}.");
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var tensor = reader.GetString()!;
            reader.Read();
            var shard = reader.TokenType == JsonTokenType.String ? reader.GetString()! : "";
            if (!IsPlainName(shard))
                throw new PeftException(
                    $"{path} puts tensor {Quoted.Name(tensor)} into {Quoted.Name(shard)}, which is no plain name of a .safetensors file of "
                    + $"the same folder; {Advice}, from a source that you trust.");
            map.Add(tensor, shard);
        }
        return map;
    }

    // An index must not reach outside its folder, whatever the system's path syntax.
    private static bool IsPlainName(string name) =>
        name.EndsWith(".safetensors", StringComparison.Ordinal)
        && !name.StartsWith('.')
        && name.AsSpan().IndexOfAny("/\\:") < 0
        && !name.Any(char.IsControl);
}
