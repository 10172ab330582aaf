using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Runs.Joint;

/// <summary>Several tasks as one text: <c>sst2=data/SST-2,mrpc=data/MRPC</c>, or JSON with settings for each.</summary>
internal static partial class TaskList
{
    private const string Expected = "tasks such as sst2=data/SST-2,mrpc=data/MRPC";

    private const int MostTasks = 256;

    // What concerns the rows of a task and how they are scored; everything else is the run's.
    private static readonly string[] Own =
    [
        "data", "eval_data", "text_column", "pair_column", "label_column", "problem_type", "max_train_samples", "stratified",
        "split_shares", "split_seed", "split_stratified", "max_eval_samples", "rows", "skip_bad_rows", "allow_blank", "header",
        "separator", "quoted", "no_label", "max_length", "metric_for_best_model",
    ];

    /// <summary>Reads the text.</summary>
    /// <exception cref="BadValueException">It names no tasks, or one of them is not as expected.</exception>
    public static IReadOnlyList<TaskEntry> Parse(string text)
    {
        List<TaskEntry> tasks = text.TrimStart().StartsWith('[') && text.Contains('{', StringComparison.Ordinal)
            ? [.. OfJson(text)]
            : [.. Values.List(text).Select(OfPair)];
        if (tasks.Count is 0 or > MostTasks) throw new BadValueException($"from 1 to {MostTasks} {Expected}");
        foreach (var task in tasks) Check(task.Name);
        if (tasks.GroupBy(task => task.Name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new BadValueException($"tasks with names of their own, and two are called {Quoted.Name(twice.Key)}");
        return tasks;
    }

    /// <summary>The text of tasks that come from files; null where a program has rows of one in memory.</summary>
    public static string? Text(IEnumerable<TaskEntry> tasks)
    {
        var json = new JsonArray();
        foreach (var task in tasks)
        {
            if (task.Rows is not null) return null;
            var fields = new JsonObject { ["name"] = task.Name };
            foreach (var (key, value) in task.Settings) fields[key] = value;
            json.Add(fields);
        }
        return json.ToJsonString();
    }

    /// <summary>Refuses a name that cannot be that of a folder everywhere.</summary>
    /// <exception cref="BadValueException">It is such a name.</exception>
    public static void Check(string name)
    {
        if (!Name().IsMatch(name))
            throw new BadValueException(
                $"names of letters, digits, - and _ (each task gets a folder of its name), and one is {Quoted.Name(name)}");
    }

    /// <summary>A setting of a task, checked.</summary>
    /// <exception cref="BadValueException">There is no such setting, or tasks have none of their own.</exception>
    public static KeyValuePair<string, string> Setting(string name, string value)
    {
        if (TrainKeys.Find(name) is not { } key || !Own.Contains(key.Key))
            throw new BadValueException(
                $"settings of the data of a task, and {Quoted.Name(name)} is none; "
                + $"{Nearest.Hint(name, Own)}they are {string.Join(", ", Own)}");
        return new(key.Key, value);
    }

    private static TaskEntry OfPair(string text)
    {
        var at = text.IndexOf('=', StringComparison.Ordinal);
        if (at < 1 || at == text.Length - 1) throw new BadValueException(Expected);
        return new(text[..at].Trim(), [new("data", text[(at + 1)..].Trim())]);
    }

    private static IEnumerable<TaskEntry> OfJson(string text)
    {
        JsonNode? json;
        try
        {
            json = JsonNode.Parse(text, documentOptions: new() { MaxDepth = 4, AllowDuplicateProperties = false });
        }
        catch (JsonException)
        {
            throw new BadValueException(Expected);
        }
        foreach (var item in (JsonArray)json!)
        {
            if (item is not JsonObject fields || fields["name"] is not JsonValue named)
                throw new BadValueException("a name and data for each task");
            var settings = fields.Where(field => field.Key != "name" && field.Value is not null)
                .Select(field => Setting(field.Key, TextOf(field.Value!)))
                .ToList();
            yield return new(named.ToString(), settings);
        }
    }

    private static string TextOf(JsonNode value) => value switch
    {
        JsonArray list => string.Join(',', list.Select(item => item?.ToString() ?? "")),
        JsonObject => throw new BadValueException("single values for the settings of a task"),
        _ when value.GetValueKind() is JsonValueKind.True => "true",
        _ when value.GetValueKind() is JsonValueKind.False => "false",
        _ => value.ToString(),
    };

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
