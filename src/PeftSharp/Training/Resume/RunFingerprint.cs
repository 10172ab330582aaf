using System.Text.Json.Nodes;

namespace PeftSharp.Training.Resume;

/// <summary>What must agree for a resumed run to be the same run: names and values, compared one by one.</summary>
/// <param name="Fields">Name to value, in the order in which a difference is reported.</param>
/// <param name="Machine">What the last bits may depend on; a difference is remarked, not refused.</param>
public sealed record RunFingerprint(IReadOnlyList<KeyValuePair<string, string>> Fields, string Machine)
{
    /// <summary>Refuses a checkpoint of another run.</summary>
    /// <param name="here">The run that would go on.</param>
    /// <param name="checkpoint">The checkpoint, for the message.</param>
    /// <exception cref="PeftException">A field differs; the message names it, the value saved and the value here.</exception>
    public void Require(RunFingerprint here, string checkpoint)
    {
        var saved = new Dictionary<string, string>(Fields);
        foreach (var (name, value) in here.Fields)
            if (!saved.Remove(name, out var found) || found != value) throw Differs(checkpoint, name, found, value);
        foreach (var (name, found) in saved) throw Differs(checkpoint, name, found, null);
    }

    /// <summary>As JSON, in order.</summary>
    public JsonObject ToJson() => new(Fields.Select(f => KeyValuePair.Create(f.Key, (JsonNode?)f.Value)));

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    public static RunFingerprint FromJson(JsonObject json, string machine) =>
        new([.. json.Select(f => KeyValuePair.Create(f.Key, f.Value!.GetValue<string>()))], machine);

    private static PeftException Differs(string checkpoint, string name, string? found, string? here) =>
        new(
            $"{checkpoint} was saved by a run with {name} {found ?? "not set"}, but this run has {here ?? "none"}; resume with the "
            + "settings and data that the run was started with, or start it anew.");
}
