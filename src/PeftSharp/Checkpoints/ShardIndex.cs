using System.Text.Json;

namespace PeftSharp.Checkpoints;

/// <summary>The index of a sharded checkpoint: which file of the same folder holds which tensor.</summary>
internal static class ShardIndex
{
    private const long LongestIndex = 100_000_000;
    private const string Advice = "download the model again";

    /// <summary>Tensor name to shard file name, each a plain name within the index's own folder.</summary>
    public static Dictionary<string, string> Read(string path)
    {
        try
        {
            var length = FileSize.Of(path);
            if (length > LongestIndex)
                throw new PeftException($"{path} has {length} bytes, above the limit of {LongestIndex} for a shard index; {Advice}.");
            var bytes = File.ReadAllBytes(path);
            // Some editors put a byte order mark, which JSON readers refuse.
            return Parse(bytes.AsSpan().StartsWith("\uFEFF"u8) ? bytes.AsSpan(3) : bytes, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
        {
            throw new PeftException($"{path} could not be read as a shard index ({e.Message.Split(". ")[0].TrimEnd('.')}); {Advice}.", e);
        }
    }

    private static Dictionary<string, string> Parse(ReadOnlySpan<byte> json, string path)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 16 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw new PeftException($"{path} is no JSON object; {Advice}.");
        Dictionary<string, string>? map = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMap = reader.ValueTextEquals("weight_map"u8);
            reader.Read();
            if (!isMap) reader.Skip();
            else if (map is not null) throw new PeftException($"{path} has \"weight_map\" twice; {Advice}.");
            else map = ReadMap(ref reader, path);
        }
        reader.Read(); // anything after the object throws here
        return map ?? throw new PeftException($"{path} has no \"weight_map\"; {Advice}.");
    }

    private static Dictionary<string, string> ReadMap(ref Utf8JsonReader reader, string path)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw new PeftException($"{path} has a \"weight_map\" that is no object; {Advice}.");
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var tensor = reader.GetString()!;
            reader.Read();
            var shard = reader.TokenType == JsonTokenType.String ? reader.GetString()! : "";
            if (!IsPlainName(shard))
                throw new PeftException($"{path} puts tensor {Quoted.Name(tensor)} into {Quoted.Name(shard)}, which is no plain name of a .safetensors file of the same folder; {Advice}, from a source that you trust.");
            if (!map.TryAdd(tensor, shard)) throw new PeftException($"{path} names tensor {Quoted.Name(tensor)} twice; {Advice}.");
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
