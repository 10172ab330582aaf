using System.CommandLine;
using PeftSharp.Cli.Data;
using PeftSharp.Cli.Training;
using PeftSharp.Data;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Rows;

namespace PeftSharp.Cli.Verbs;

/// <summary>The options that say which rows of which files are meant: the same for all verbs that read data.</summary>
internal sealed class SourceParts
{
    public const string Kinds =
        "A .tsv, .csv, .jsonl (or .gz of these) or .parquet file, a pattern (\"part-*.parquet\"), or a folder with its parts.";

    private readonly Option<string> _text, _pair, _label;
    private readonly Option<string> _take = VerbParts.Text("--take", "N", "Use the first N rows.");
    private readonly Option<bool> _stratified = new("--stratified")
    {
        Description = "With --take: draw the rows so that labels keep their shares.",
    };
    private readonly Option<string> _rows = VerbParts.Text("--rows", "FILE", "Use the rows that FILE lists: one zero-based number a line.");
    private readonly Option<string> _split = VerbParts.Text(
        "--split", "NAME",
        "Part of a folder, or of --split-shares: train, validation (or dev), dev_mismatched or test. Default: validation.");
    private readonly Option<string> _shares = VerbParts.Text(
        "--split-shares", "A,B,C",
        "Cut the rows into training, validation and test parts of these shares, as \"peft train\" does (two numbers: no test part).");
    private readonly Option<string> _splitSeed =
        VerbParts.Text("--split-seed", "N", "Seed of --split-shares and --stratified. Default: 42.");
    private readonly Option<bool> _noStratify = new("--no-stratify") { Description = "Cut without regard to labels." };
    private readonly Option<string> _memory =
        VerbParts.Text("--data-memory", "MB", "Memory for rows, and as much for tokens; more of them are kept in files. Default: 256.");
    private readonly Option<string> _cache =
        VerbParts.Text("--cache", "FOLDER", "Where those files are kept meanwhile. Default: the user's folder for caches.");
    private readonly Option<bool> _skip = new("--skip-bad-rows")
    {
        Description = "Leave bad rows out instead of stopping at the first; they are counted on standard error.",
    };
    private readonly Option<bool> _blank = new("--allow-blank") { Description = $"{FileLayout.AllowBlankHelp}." };
    private readonly Option<string> _header = VerbParts.Text("--header", "yes|no", $"{FileLayout.HeaderHelp}.");
    private readonly Option<string> _separator = VerbParts.Text("--separator", "CHAR", $"{FileLayout.SeparatorHelp}.");
    private readonly Option<string> _quoted = VerbParts.Text("--quoted", "yes|no", $"{FileLayout.QuotedHelp}.");
    private readonly Option<string> _noLabel = VerbParts.Text("--no-label", "LABEL,LABEL", $"{FileLayout.NoLabelHelp}.");

    private readonly Option<string> _labelColumns =
        VerbParts.Text("--label-columns", "NAME,NAME", $"{FileLayout.LabelColumnsHelp}.");
    private readonly Option<string> _labelSeparator = VerbParts.Text("--label-separator", "CHAR", $"{FileLayout.LabelSeparatorHelp}.");

    /// <param name="command">Where to add them.</param>
    /// <param name="columnsOnly">True leaves the label out: nothing is scored.</param>
    public SourceParts(Command command, bool columnsOnly = false)
    {
        _text = VerbParts.Text("--text-column", "COLUMN", "Column of the text: a name, or a number from 1.");
        _pair = VerbParts.Text("--pair-column", "COLUMN", "Column of the second text.");
        _label = VerbParts.Text("--label-column", "COLUMN", "Column of the label.");
        Option[] columns = columnsOnly ? [_text, _pair] : [_text, _pair, _label];
        if (!columnsOnly) columns = [.. columns, _labelColumns, _labelSeparator, _noLabel];
        foreach (
            var option in columns.Concat([_header, _separator, _quoted, _blank])
                .Concat([_take, _stratified, _rows, _split, _shares, _splitSeed, _noStratify, _skip, _memory, _cache]))
            command.Add(option);
    }

    public DataRequest Request(ParseResult parsed, string path) => new(path)
    {
        Caller = new CommandLineCaller("data"),
        Text = parsed.GetValue(_text),
        Pair = parsed.GetValue(_pair),
        Label = parsed.GetValue(_label),
        LabelColumns = Value(parsed, _labelColumns, FileLayout.ColumnsOf) ?? [],
        Take = VerbParts.Whole(parsed, _take, 1),
        Sample = parsed.GetValue(_stratified),
        Rows = parsed.GetValue(_rows),
        Split = SplitOf(parsed) ?? GlueSplit.Dev,
        Shares = Value(parsed, _shares, Values.Shares),
        SplitSeed = Value(parsed, _splitSeed, text => (ulong?)Values.Seed(text)) ?? 42,
        Stratify = !parsed.GetValue(_noStratify),
        SkipBadRows = parsed.GetValue(_skip),
        Layout = Layout(parsed),
        Storage = new() { MemoryBytes = (long)(VerbParts.Whole(parsed, _memory, 1) ?? 256) << 20, Folder = parsed.GetValue(_cache) },
    };

    /// <summary>The file that lists the rows to use; null if none was given.</summary>
    public string? RowsFile(ParseResult parsed) => parsed.GetValue(_rows);

    /// <summary>What to do about rows that are bad, for texts that come in by another way than files.</summary>
    public DataOptions ForTexts(ParseResult parsed) => new()
    {
        OnBadRow = parsed.GetValue(_skip) ? OnBadRow.Skip : OnBadRow.Stop,
        AllowEmptyText = parsed.GetValue(_blank),
    };

    private FileLayout Layout(ParseResult parsed) => new()
    {
        Header = Value(parsed, _header, text => (bool?)Values.Flag(text)),
        Separator = Value(parsed, _separator, text => (char?)FileLayout.SeparatorOf(text)),
        Quoted = Value(parsed, _quoted, text => (bool?)Values.Flag(text)),
        AllowBlank = parsed.GetValue(_blank),
        LabelSeparator = Value(parsed, _labelSeparator, text => (char?)FileLayout.SeparatorOf(text)),
        NoLabel = Value(parsed, _noLabel, FileLayout.LabelsOf) ?? [],
    };

    /// <summary>The part that was asked for; null if none was.</summary>
    public GlueSplit? SplitOf(ParseResult parsed) => parsed.GetValue(_split) switch
    {
        null => null,
        var text => text.Replace('-', '_').ToLowerInvariant() switch
        {
            "dev" or "validation" => GlueSplit.Dev,
            "train" => GlueSplit.Train,
            "dev_mismatched" or "validation_mismatched" => GlueSplit.DevMismatched,
            "test" => GlueSplit.Test,
            _ => throw new UsageException($"--split is \"{text}\"; expected train, validation, dev, dev_mismatched or test."),
        },
    };

    private static T? Value<T>(ParseResult parsed, Option<string> option, Func<string, T> parse)
    {
        if (parsed.GetValue(option) is not { } text) return default;
        try
        {
            return parse(text);
        }
        catch (BadValueException e)
        {
            throw new UsageException($"{option.Name} is \"{text}\"; expected {e.Message}.");
        }
    }
}
