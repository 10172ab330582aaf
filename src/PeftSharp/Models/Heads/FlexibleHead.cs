using System.Text.Json.Nodes;

namespace PeftSharp.Models.Heads;

/// <summary>A head in AdapterHub's flexible layout: its tensors are called <c>heads.NAME.INDEX</c>.</summary>
/// <param name="Name">Its name, part of its tensors' names.</param>
/// <param name="Layers">Linear maps: 1, or 2 with an activation between them.</param>
/// <param name="Activation">The activation between them; null for none.</param>
/// <param name="UsesPooler">
/// True if it reads the model's pooler, false if the first token's vector; heads that answer each token read every vector.
/// </param>
/// <param name="Dropout">Probability of dropping before each map; null for the model's own.</param>
public sealed record FlexibleHead(string Name, int Layers, string? Activation, bool UsesPooler, double? Dropout)
{
    /// <summary>The module that holds its maps; trained and saved with an adapter.</summary>
    internal const string Module = "heads";

    /// <summary>AdapterHub's names of the heads that are supported, with what they answer.</summary>
    internal static readonly IReadOnlyDictionary<string, TaskKind> Types = new Dictionary<string, TaskKind>(StringComparer.Ordinal)
    {
        ["classification"] = TaskKind.Classification,
        ["multilabel_classification"] = TaskKind.MultiLabel,
        ["tagging"] = TaskKind.TokenClassification,
        ["question_answering"] = TaskKind.QuestionAnswering,
    };

    /// <summary>
    /// What it answers: one class (default; with one output a number), any number of classes, a class for each token, or a span.
    /// </summary>
    public TaskKind Kind { get; init; } = TaskKind.Classification;

    /// <summary>True if it answers for each token.</summary>
    internal bool OfTokens => Kind is TaskKind.TokenClassification or TaskKind.QuestionAnswering;

    /// <summary>The settings as AdapterHub names them, without those of the classes.</summary>
    internal JsonObject ToJson()
    {
        var json = new JsonObject { ["activation_function"] = Activation };
        if (!OfTokens) json["bias"] = true;
        json["dropout_prob"] = Dropout;
        json["head_type"] = Types.First(type => type.Value == Kind).Key;
        json["layers"] = Layers;
        json["name"] = Name;
        if (!OfTokens) json["use_pooler"] = UsesPooler;
        return json;
    }

    /// <summary>Path of a map: dropout, map and activation each have an index of their own.</summary>
    internal string Path(int layer) => $"{Module}.{Name}.{layer * (Activation is null ? 2 : 3) + 1}";
}
