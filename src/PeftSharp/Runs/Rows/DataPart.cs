using System.Text.Json.Nodes;
using PeftSharp.Data;
using PeftSharp.Data.Instruct;
using PeftSharp.Files.Json;

namespace PeftSharp.Runs.Rows;

/// <summary>A part of the data with what was found in it.</summary>
/// <param name="Name">Its name, such as "train".</param>
/// <param name="Profile">What was found.</param>
/// <param name="Seen">Rows that training has as well; null for the training part, and where there is none.</param>
/// <param name="MaxLength">Most tokens a row.</param>
public sealed record DataPart(string Name, DatasetProfile Profile, IReadOnlyList<int>? Seen, int MaxLength)
{
    /// <summary>The percentiles of lengths that reports show.</summary>
    public static IReadOnlyList<double> Percentiles { get; } = [50, 90, 95, 99];

    private const int Named = 10;

    /// <summary>The rows.</summary>
    public TextDataset Data => Profile.Data;

    /// <summary>The lengths that histograms show: the first unit.</summary>
    public LengthProfile Lengths => Profile.Lengths[0];

    /// <summary>What prompts and answers are made of; null of other rows.</summary>
    public InstructProfile? Instruct { get; init; }

    /// <summary>Lengths in every unit, the first one first.</summary>
    public IEnumerable<LengthProfile> AllLengths =>
        Instruct is null ? Profile.Lengths : [.. Profile.Lengths, Instruct.Read, Instruct.Learnt];

    /// <summary>What was found, as JSON.</summary>
    public JsonObject Json() => new()
    {
        ["name"] = Name,
        ["source"] = Data.Source,
        ["rows"] = Data.Count,
        ["bad_rows"] = Data.SkippedRows,
        ["problems"] = JsonText.Texts(Data.Problems),
        ["remarks"] = JsonText.Texts(Data.Remarks),
        ["labels"] = Profile.LabelCounts is not { } counts ? null : new JsonObject(counts.Select((count, i) => KeyValuePair.Create(
            Data.LabelNames![i], (JsonNode?)new JsonObject { ["rows"] = count, ["share"] = (double)count / Data.Count }))),
        ["without_label"] = Profile.Unlabelled,
        ["targets"] = Profile.Targets is not { } targets
            ? null
            : new JsonObject { ["min"] = targets.Min, ["mean"] = targets.Mean, ["max"] = targets.Max },
        ["lengths"] = new JsonObject(AllLengths.Select(lengths => KeyValuePair.Create(lengths.Unit, (JsonNode?)Json(lengths)))),
        ["max_length"] = MaxLength,
        ["longer_than_max_length"] = Lengths.Above(MaxLength),
        ["empty_texts"] = Profile.Empty,
        ["duplicates"] = Profile.Duplicates,
        ["contradicting_duplicates"] = Profile.Contradictions,
        ["instruct"] = Instruct is not { } instruct ? null : new JsonObject
        {
            ["prompts"] = instruct.Prompts,
            ["several_turns"] = instruct.SeveralTurns,
            ["with_system"] = instruct.WithSystem,
            ["answer_tokens"] = instruct.Tokens,
            ["answer_tokens_within_max_length"] = instruct.KeptTokens,
            ["answers_cut"] = instruct.Cut,
            ["answers_lost"] = instruct.Lost,
        },
        ["also_in_train"] = Seen?.Count,
        ["also_in_train_at"] = Seen is null ? null : JsonText.Texts(Seen.Take(Named).Select(Place)),
    };

    /// <summary>Where a row stands.</summary>
    public string Place(int row) => Data.Examples[row].Place(Data.Source);

    private static JsonObject Json(LengthProfile lengths)
    {
        var json = new JsonObject { ["min"] = lengths.Min, ["mean"] = lengths.Mean };
        foreach (var percent in Percentiles) json[$"p{percent}"] = lengths.Percentile(percent);
        json["max"] = lengths.Max;
        json["histogram"] = new JsonArray(
            [.. lengths.Histogram().Select(bin => (JsonNode)new JsonObject { ["from"] = bin.From, ["to"] = bin.To, ["rows"] = bin.Rows })]);
        return json;
    }
}
