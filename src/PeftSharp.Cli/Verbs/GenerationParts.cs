using System.CommandLine;
using System.Globalization;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Models;
using PeftSharp.Generation;
using PeftSharp.Runs;
using PeftSharp.Runs.Training;

namespace PeftSharp.Cli.Verbs;

/// <summary>The options of verbs that let a model write: which model, and how tokens are chosen.</summary>
internal sealed class GenerationParts
{
    public readonly ModelParts Models = new();
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
    private readonly Option<string> _compute = VerbParts.Text("--compute", "MODE", "Precision of frozen weights: fp32, bf16, or auto. "
        + "Default: fp32.");
    private readonly Option<string> _device = VerbParts.Text("--device", "NAME",
        $"Where to compute: {PeftSharp.Interop.ComputeDevice.Names}; GPUs are untested. Default: cpu.");
    private readonly Option<bool> _noVerify = VerbParts.NoVerify();

    public GenerationParts(Command command)
    {
        Option[] all =
        [
            Models.Base, Models.Adapter, Models.Revision, _tokens, _temperature, _topK, _topP, _minP, _repetition, _beams, _length,
                _stop, _seed, _compute, _device, _noVerify,
        ];
        foreach (var option in all) command.Add(option);
    }

    /// <summary>How tokens are chosen, checked.</summary>
    public GenerationOptions Options(ParseResult parsed)
    {
        // What is wrong with the line itself is said before a model is asked for.
        _ = ComputeModes.Parse(parsed.GetValue(_compute) ?? "fp32", "--compute");
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

    public LoadedModel Open(ParseResult parsed, string verb)
    {
        var compute = ComputeModes.Parse(parsed.GetValue(_compute) ?? "fp32", "--compute");
        var device = parsed.GetValue(_device) ?? "cpu";
        var (basis, adapter) = Models.Find(parsed, verb);
        return ModelOpener.Open(basis.Folder, adapter?.Folder,
            new LoadOptions { Compute = ComputeModes.Choose(compute, device).Type, Device = device },
            proof: VerbParts.Proof(parsed, _noVerify));
    }

    private static double? Number(ParseResult parsed, Option<string> option)
    {
        if (parsed.GetValue(option) is not { } text) return null;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value)
            ? value
            : throw new UsageException($"{option.Name} is \"{text}\"; expected a number.");
    }
}
