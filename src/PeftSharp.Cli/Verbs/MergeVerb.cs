using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Runs.Making;
using PeftSharp.Runs.Proof;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft merge</c>: an adapter written into its base, as a plain Hugging Face folder.</summary>
internal static class MergeVerb
{
    public static void Build(Command command)
    {
        var (models, json) = (new ModelParts(), VerbParts.Json());
        var output = VerbParts.Text("--out", "FOLDER", "Where to write the merged model.");
        var type = VerbParts.Text("--dtype", "TYPE", "Element type on disk: float32, float16 or bfloat16. Default: float32.");
        var quantize = VerbParts.Text(
            "--quantize", "TYPE",
            $"Write the merged weights in few bits, and tell what that rounds away: {string.Join(", ", Quantization.Names)}. Default: no.");
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace what an earlier run wrote there." };
        var noVerify = VerbParts.NoVerify();
        foreach (
            var option in new Option[] { models.Base, models.Adapter, models.Revision, output, type, quantize, overwrite, noVerify, json })
            command.Add(option);
        HelpWithExamples.Add(
            command, "merge --base models/bert-base --adapter runs/sst2 --out merged",
            "merge --base models/bert-base --adapter runs/sst2 --out merged --dtype bfloat16 --overwrite",
            "merge --base models/bert-base --adapter \"average(runs/a:0.3,runs/b:0.7)\" --out merged");
        VerbParts.Run(command, parsed => Run(
            parsed, models, VerbParts.Need(parsed, output, "merge"),
            new(parsed.GetValue(type) ?? "float32", Form(parsed.GetValue(quantize))), parsed.GetValue(overwrite),
            VerbParts.Proof(parsed, noVerify), parsed.GetValue(json)));
    }

    private sealed record Written(string Type, Quantization? Form);

    private static Quantization? Form(string? asked) => asked is null ? null : Quantization.Named(asked)
        ?? throw new UsageException($"--quantize is \"{asked}\"; expected one of {string.Join(", ", Quantization.Names)}.");

    private static int Run(ParseResult parsed, ModelParts models, string output, Written how, bool overwrite, ProofUse proof, bool json)
    {
        var type = how.Type;
        var scalar = ElementTypes.Of(type);
        models.Need(parsed, "merge");
        VerbParts.Need(parsed, models.Adapter, "merge");
        using var folder = OutputFolder.Plan(
            output, Outputs.Options("merge", overwrite), parsed.GetValue(models.Base), parsed.GetValue(models.Adapter));
        var (basis, adapter) = models.Find(parsed, "merge", composed: true);
        var composed = ComposedFolders.TryRead(adapter!.Folder);
        folder.Protect([basis.Folder, .. composed?.Folders ?? [adapter.Folder]]);
        var model = ModelOpener.Open(basis.Folder, adapter.Folder, new LoadOptions { Dense = true }, proof: proof);
        var merge = MergedModel.Write(model, folder, scalar, how.Form);
        foreach (var remark in merge.Remarks) Console.Error.WriteLine(remark);
        if (json)
            JsonOut.Write(new JsonObject
            {
                ["out"] = output,
                ["dtype"] = type,
                ["largest_difference"] = merge.LargestDifference,
                ["quantize"] = how.Form?.Name,
                ["update_error"] = merge.Lost?.UpdateError,
                ["output_error"] = merge.Lost?.OutputError,
            });
        else
            Console.Out.WriteLine(
                $"merged answers equal the adapter's to {Figures.Small(merge.LargestDifference)} on {merge.Probes} probe rows; "
                + $"written to {output}");
        if (merge.Lost is { } lost) Tell(lost, how.Form!);
        return ExitCode.Success;
    }

    private static void Tell(Requantization lost, Quantization form)
    {
        var share = string.Create(
            CultureInfo.InvariantCulture, $"{100 * lost.UpdateError:0.#} % of the update, {100 * lost.OutputError:0.##} %");
        Console.Error.WriteLine(
            $"note: quantising to {form.Name} is off by {share} of the weights ({Figures.Count(lost.Weights)} weights).");
        if (lost.UpdateError > 0.5)
            Console.Error.WriteLine(
                "note: much of what was learnt is rounded away; keep the adapter beside the quantised base, or train one that makes up for "
                + "the rounding: --set init_lora_weights=loftq.");
    }
}
