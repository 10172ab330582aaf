using System.Text.Json.Nodes;
using PeftSharp.Data;
using PeftSharp.Data.Instruct;
using PeftSharp.Models;
using PeftSharp.Tokenization;

namespace PeftSharp.Runs.Rows;

/// <summary>What the parts of a dataset hold, and which rows of the others training has as well.</summary>
public static class DataInspection
{
    /// <summary>Most tokens a row where none is named: of texts, and of prompts with answers.</summary>
    public const int DefaultLength = 128, InstructLength = 512;

    /// <summary>Looks at the parts of some data.</summary>
    /// <param name="request">The data.</param>
    /// <param name="asked">The one part to look at; null (default) for all that there are.</param>
    /// <param name="evalData">Held-out rows in a place of their own; null (default) for none.</param>
    /// <param name="folder">The model whose tokens are counted; null (default) counts words and characters.</param>
    /// <param name="maxLength">Most tokens a row; null (default) for what training takes by default.</param>
    public static IReadOnlyList<DataPart> Of(
        DataRequest request, GlueSplit? asked = null, string? evalData = null, string? folder = null, int? maxLength = null)
    {
        request = request with { Kind = request.Kind ?? (request.NamesColumns ? null : DataRequest.Recognised(request.Path)) };
        var instructs = request.Kind == LabelKind.Tokens;
        var tokenizer = folder is null ? null : TokenizerOf(folder);
        var marking = instructs && tokenizer is not null ? Encoders.Instructions(tokenizer, ModelConfig.Read(folder!), folder!) : null;
        ITextEncoder? encoder = marking ?? (tokenizer is null ? null : (ITextEncoder)new TokenizerTextEncoder(tokenizer));
        var length = maxLength ?? (instructs ? InstructLength : DefaultLength);
        var parts = new List<DataPart>();
        DatasetProfile? train = null;
        foreach (
            var (name, part) in Requests(
                request with { RequireLabels = false, AllowEmptyText = true, SkipBadRows = true }, asked, evalData))
        {
            var profile = DatasetProfile.Of(part.Load().Data, encoder);
            parts.Add(new DataPart(name, profile, train is null ? null : profile.RowsAlsoIn(train), length)
            {
                Instruct = instructs ? InstructProfile.Of(profile.Data, marking, length) : null,
            });
            if (name == Name(GlueSplit.Train)) train = profile;
        }
        return parts;
    }

    private static Tokenizer TokenizerOf(string folder)
    {
        ModelLoader.RequireFolder(folder);
        return Encoders.Find(folder)
            ?? throw new PeftException(
                $"{folder} has no tokenizer (tokenizer.json, vocab.txt, or vocab.json with merges.txt); give a folder that has one.");
    }

    /// <summary>What was found, as JSON.</summary>
    public static JsonObject Json(IReadOnlyList<DataPart> parts) => new()
    {
        ["columns"] = new JsonArray(
            [
                .. parts[0].Data.Columns.Select(
                    column => (JsonNode)new JsonObject { ["name"] = column.Name, ["type"] = column.Type, ["role"] = column.Role }),
            ]),
        ["kind"] = parts[0].Data.Kind.ToString().ToLowerInvariant(),
        ["parts"] = new JsonArray([.. parts.Select(part => (JsonNode)part.Json())]),
    };

    private static IEnumerable<(string Name, DataRequest Request)> Requests(DataRequest request, GlueSplit? asked, string? evalData)
    {
        if (asked is { } split) yield return (Name(split), request with { Split = split });
        else if (request.Shares is { } shares)
            foreach (var part in new[] { GlueSplit.Train, GlueSplit.Dev, GlueSplit.Test }.Take(shares.Count))
                yield return (Name(part), request with { Split = part });
        else if (Directory.Exists(request.Path))
            foreach (var part in request.Parts.Order()) yield return (Name(part), request with { Split = part });
        else yield return (evalData is null ? "rows" : Name(GlueSplit.Train), request);
        if (evalData is not null)
            yield return (
                "eval", request with { Path = evalData, Shares = null, Take = null, Sample = false, Rows = null, Split = GlueSplit.Dev });
    }

    private static string Name(GlueSplit split) => split switch
    {
        GlueSplit.Train => "train",
        GlueSplit.Dev => "validation",
        GlueSplit.DevMismatched => "validation_mismatched",
        _ => "test",
    };
}
