using System.CommandLine;
using System.Globalization;
using PeftSharp.Generation;

namespace PeftSharp.Cli.Verbs;

/// <summary>The options that say how a model writes: how long, and how tokens are chosen.</summary>
internal sealed class WritingParts
{
    private readonly Option<string> _tokens = VerbParts.Text("--max-new-tokens", "N", "Most tokens of an answer. Default: 256.");
    private readonly Option<string> _temperature = VerbParts.Text("--temperature", "T", "Draw tokens, the sharper the lower: 0.7, say. "
        + "Default: 0, always the likeliest.");
    private readonly Option<string> _topK = VerbParts.Text("--top-k", "K", "Draw among the K likeliest tokens.");
    private readonly Option<string> _topP = VerbParts.Text("--top-p", "P", "Draw among the fewest likeliest tokens that have the "
        + "probability P together.");
    private readonly Option<string> _minP = VerbParts.Text("--min-p", "P", "Draw among tokens at least P times as likely as the "
        + "likeliest.");
    private readonly Option<string> _repetition = VerbParts.Text("--repetition-penalty", "X", "Make tokens that occurred before less "
        + "likely: 1.1, say. Default: 1.");
    private readonly Option<string> _beams = VerbParts.Text("--beams", "N", "Follow N answers at once and give the likeliest (beam "
        + "search). Default: 1.");
    private readonly Option<string> _length = VerbParts.Text("--length-penalty", "X", "Beam search divides by length to this power. "
        + "Default: 1.");
    private readonly Option<string[]> _stop = new("--stop")
    {
        Description = "A text that ends an answer; may be given several times.",
        HelpName = "TEXT"
    };
    private readonly Option<string> _seed = VerbParts.Text("--seed", "N", "Seed of drawn tokens. Default: 42.");
    private readonly Option[] _all;

    public WritingParts(Command command)
    {
        _all = [_tokens, _temperature, _topK, _topP, _minP, _repetition, _beams, _length, _stop, _seed];
        foreach (var option in _all) command.Add(option);
    }

    /// <summary>The names of those that a command line gives.</summary>
    public IEnumerable<string> Given(ParseResult parsed) =>
        _all.Where(option => parsed.GetResult(option) is { Implicit: false }).Select(option => option.Name);

    /// <summary>How tokens are chosen, checked.</summary>
    public GenerationOptions Options(ParseResult parsed)
    {
        var options = new GenerationOptions
        {
            MaxNewTokens = VerbParts.Whole(parsed, _tokens, 1) ?? 256,
            Temperature = Number(parsed, _temperature) ?? 0,
            TopK = VerbParts.Whole(parsed, _topK) ?? 0,
            TopP = Number(parsed, _topP) ?? 1,
            MinP = Number(parsed, _minP) ?? 0,
            RepetitionPenalty = Number(parsed, _repetition) ?? 1,
            Beams = VerbParts.Whole(parsed, _beams, 1) ?? 1,
            LengthPenalty = Number(parsed, _length) ?? 1,
            Stop = parsed.GetValue(_stop) ?? [],
            Seed = (ulong)(VerbParts.Whole(parsed, _seed) ?? 42),
        };
        try
        {
            options.Validate();
        }
        catch (PeftException e)
        {
            throw new UsageException(e.Message);
        }
        return options;
    }

    private static double? Number(ParseResult parsed, Option<string> option)
    {
        if (parsed.GetValue(option) is not { } text) return null;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value)
            ? value
            : throw new UsageException($"{option.Name} is \"{text}\"; expected a number.");
    }
}
