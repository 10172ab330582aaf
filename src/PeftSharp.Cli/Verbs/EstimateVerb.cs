using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Terminal;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Runs.Estimates;
using PeftSharp.Runs.Estimates.Shapes;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft estimate</c>: what training would need, from a configuration alone.</summary>
internal static class EstimateVerb
{
    // Settings of a run that memory depends on: their names, help and defaults are those of train.
    private static readonly string[] Keys =
    [
        "per_device_train_batch_size", "max_length", "max_tokens_per_pass", "optim", "quantization", "bnb_4bit_use_double_quant",
        "bnb_4bit_blocksize", "compute", "gradient_checkpointing", "base_dropout",
    ];

    public static void Build(Command command)
    {
        var config = VerbParts.Text("--config", "FILE", "The config.json of a model, or its folder; no weights are needed.");
        var numbers = VerbParts.Text(
            "--numbers", "NAME=N,…", $"Instead of a file, the numbers of a model of Llama's kind: {NumbersConfig.Names}.");
        var method = VerbParts.Text("--method", "NAME", "A method, an alias or a preset (\"peft methods\"). Default: lora.");
        var set = new Option<string[]>("--set")
        {
            Description = "A setting of the method, NAME=VALUE; may be given several times.",
            HelpName = "NAME=VALUE",
            AllowMultipleArgumentsPerToken = true,
        };
        var json = VerbParts.Json();
        foreach (var option in new Option[] { config, numbers, method, set }) command.Add(option);
        var settings = Keys.Select(key => TrainKeys.Find(key)!).Select(key => (Key: key, Option: VerbParts.Of(key))).ToList();
        foreach (var (_, option) in settings) command.Add(option);
        command.Add(json);
        HelpWithExamples.Add(
            command, "estimate --config Llama-2-7b/config.json --method lora --set r=16 --quantize nf4-double --checkpointing",
            "estimate --numbers layers=80,width=8192,heads=64,inner=22016,vocabulary=32000 --quantize nf4-double --batch-size 1",
            "estimate --config bert-large/config.json --method houlsby --batch-size 32 --max-length 128");
        VerbParts.Run(command, parsed =>
        {
            var given = settings.Select(setting => KeyValuePair.Create(setting.Key, VerbParts.Given(parsed, setting.Key, setting.Option)));
            var changes = (parsed.GetValue(set) ?? []).Select(text => VerbParts.Pair(text, "r=16"));
            var name = parsed.GetValue(method) ?? "lora";
            var options = MethodSettings.With(MethodName.Options(name), name, changes, "--set");
            return Run(
                Configuration(parsed.GetValue(config), parsed.GetValue(numbers)), options,
                ShapeEstimateOptions.Of(options, given, new CommandLineCaller("estimate")), parsed.GetValue(json));
        });
    }

    private static ModelConfig Configuration(string? file, string? numbers) => (file, numbers) switch
    {
        (null, null) => throw new UsageException("peft estimate needs --config FILE or --numbers NAME=N,…; see \"peft estimate --help\"."),
        ({ }, { }) => throw new UsageException("peft estimate reads --config FILE or --numbers NAME=N,…, not both."),
        (null, { } text) => NumbersConfig.Read(text),
        ({ } path, null) => Directory.Exists(path) ? ModelConfig.Read(path) : ModelConfig.ReadFile(path),
    };

    private static int Run(ModelConfig config, MethodOptions method, ShapeEstimateOptions options, bool json)
    {
        var estimate = ShapeEstimate.Of(config, method, options);
        if (json) JsonOut.Write(Json(estimate));
        else Write(estimate);
        return ExitCode.Success;
    }

    private static void Write(ShapeEstimate estimate)
    {
        Screen.Say($"{Figures.Count(estimate.Weights)} weights ({estimate.Architecture})");
        foreach (var line in estimate.Parameters.Lines) Screen.Say(line);
        Console.Out.WriteLine();
        Table("memory", estimate.Memory, new("most at once", estimate.Peak, "the sum")).Write();
        Console.Out.WriteLine();
        Table("disk", estimate.Disk, null).Write();
        var machine = MachineMemory.Read();
        Console.Out.WriteLine();
        Screen.Say(
            estimate.Peak <= machine.Bytes
                ? $"{Figures.Bytes(machine.Bytes)} are available on this machine: it fits."
                : $"{Figures.Bytes(machine.Bytes)} are available on this machine: it does not fit.");
    }

    private static Grid Table(string what, IReadOnlyList<EstimateLine> lines, EstimateLine? last)
    {
        var grid = new Grid(what, ">bytes", "worked out as");
        foreach (var line in last is null ? lines : [.. lines, last]) grid.Row(line.Name, Figures.Bytes(line.Bytes), line.Formula);
        return grid;
    }

    private static JsonObject Json(ShapeEstimate estimate) => new()
    {
        ["architecture"] = estimate.Architecture,
        ["weights"] = estimate.Weights,
        ["parameters"] = estimate.Parameters.Json,
        ["memory"] = Lines(estimate.Memory),
        ["peak_bytes"] = estimate.Peak,
        ["disk"] = Lines(estimate.Disk),
        ["available_bytes"] = MachineMemory.Read().Bytes,
    };

    private static JsonArray Lines(IReadOnlyList<EstimateLine> lines) =>
        [.. lines.Select(l => (JsonNode)new JsonObject { ["name"] = l.Name, ["bytes"] = l.Bytes, ["formula"] = l.Formula })];
}
