using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Files;
using PeftSharp.Files.Json;

namespace PeftSharp.Runs.Proof;

/// <summary>Proofs as JSON. What a file says is not believed before its size, its fields and their types are checked.</summary>
internal static class ProofJson
{
    private const string Advice = "remove it (the adapter works without), or write it anew with \"peft verify --write\"";
    private const int MostProbes = 64, BrokenLevels = 3;

    private static readonly JsonBounds Bounds = JsonBounds.Lists with { Bytes = 64 << 20, Depth = 32 };

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        AllowDuplicateProperties = false,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
        MaxDepth = 32,
    };

    public static AdapterProof Read(string file)
    {
        var source = new JsonSource(file, Advice);
        var json = StrictJson.Object(source, RegularFile.Bytes(file, Bounds.Bytes, Advice), Bounds);
        var proof = StrictJson.Make<AdapterProof>(source, json, Options);
        if (proof.Version != AdapterProof.CurrentVersion)
            throw source.Bad($"has the version {proof.Version}, but this program reads {AdapterProof.CurrentVersion}");
        if (proof.Probes.Count > MostProbes)
            throw source.Bad($"holds {proof.Probes.Count} probes, more than the {MostProbes} that a proof may have");
        if (
            proof.Probes.Any(p => p is null)
                || proof.Base.Weights.Tensors.Values.Concat(proof.Adapter?.Weights.Tensors.Values ?? []).Any(t => t is null))
            throw source.Bad("holds null in place of a probe or a tensor");
        return proof;
    }

    public static string Text(AdapterProof proof)
    {
        using var text = new StringWriter { NewLine = "\n" };
        Write(text, JsonSerializer.SerializeToNode(proof, Options)!, 0);
        text.WriteLine();
        return text.ToString();
    }

    // One line for each tensor and each probe: such a file can be read and compared.
    private static void Write(TextWriter text, JsonNode? node, int level)
    {
        var items = level < BrokenLevels ? node switch
        {
            JsonObject o => o.Select(p => (Key: $"{JsonValue.Create(p.Key).ToJsonString(Options)}: ", p.Value)).ToList(),
            JsonArray a when a.Any(i => i is JsonObject) => a.Select(i => (Key: "", Value: i)).ToList(),
            _ => null,
        } : null;
        if (items is null or [])
        {
            text.Write(node?.ToJsonString(Options) ?? "null");
            return;
        }
        text.WriteLine(node is JsonObject ? "{" : "[");
        for (var i = 0; i < items.Count; i++)
        {
            text.Write(new string(' ', 2 * (level + 1)) + items[i].Key);
            Write(text, items[i].Value, level + 1);
            text.WriteLine(i < items.Count - 1 ? "," : "");
        }
        text.Write(new string(' ', 2 * level) + (node is JsonObject ? "}" : "]"));
    }
}
