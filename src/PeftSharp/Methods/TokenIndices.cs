using System.Text.Json.Serialization;

namespace PeftSharp.Methods;

/// <summary>Token ids whose embeddings are trained: on disk a list (the input embedding), or lists by embedding name.</summary>
[JsonConverter(typeof(TokenIndicesConverter))]
public sealed record TokenIndices(IReadOnlyDictionary<string, IReadOnlyList<long>> ByModule)
{
    /// <summary>The name that stands for the input embedding.</summary>
    public const string Input = "";
}
