using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Terminal;
using PeftSharp.Files;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft quantize</c>: a model folder in 4 bits.</summary>
internal static class QuantizeVerb
{
    public static void Build(Command command)
    {
        var (basis, revision, json) = (VerbParts.Base(), VerbParts.Revision(), VerbParts.Json());
        var folder = VerbParts.Text("--out", "FOLDER", "Where the quantised model is written.");
        var block = VerbParts.Text("--block-size", "N", "Weights that share a scale: a power of two from 32 to 4096. Default: 64.");
        var twice = new Option<bool>("--double-quant")
        {
            Description = "Quantise the scales too: 0.52 bytes a weight in place of 0.56 at block size 64.",
        };
        var tables = VerbParts.Text(
            "--embeddings", "nf4|none", "Also quantise large embedding tables, which only this program reads. Default: none.");
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace what an earlier run wrote there." };
        foreach (var option in (Option[])[basis, revision, folder, block, twice, tables, overwrite, json]) command.Add(option);
        HelpWithExamples.Add(
            command, "quantize --base models/bert-base --out models/bert-base-nf4",
            "quantize -b models/minilm -o minilm-nf4 --double-quant --embeddings nf4");
        VerbParts.Run(command, parsed => Run(
            VerbParts.Need(parsed, basis, "quantize"), parsed.GetValue(revision), VerbParts.Need(parsed, folder, "quantize"),
            new Nf4Options(BlockSize(VerbParts.Whole(parsed, block, 1)), parsed.GetValue(twice)), Tables(parsed.GetValue(tables)),
            parsed.GetValue(overwrite), parsed.GetValue(json)));
    }

    private static int Run(string basis, string? revision, string folder, Nf4Options nf4, bool tables, bool overwrite, bool json)
    {
        using var output = OutputFolder.Plan(folder, Outputs.Options("quantize", overwrite), basis);
        basis = Folders.Find("quantize", folders => folders.Base(basis, revision)).Folder;
        output.Protect(basis);
        var model = ModelLoader.Load(basis);
        if (model.Created.Count > 0)
        {
            Console.Error.WriteLine(
                $"note: the checkpoint has no {model.Created[0]}, so it has no trained head; the bare model is written.");
            model = ModelLoader.Load(basis, new ModelOptions { Task = TaskKind.Embedding });
        }
        ModelWriter.WriteQuantized(model, output.Create(), nf4, tables);
        LoadedModel.TokenizerOf(basis, null)?.Save(output.Aside);
        output.Finish();
        var (before, after) = (Bytes(basis), Bytes(folder));
        var weights = model.Sites.Count;
        if (json)
        {
            JsonOut.Write(new JsonObject
            {
                ["out"] = folder,
                ["weights"] = weights,
                ["bytes_before"] = before,
                ["bytes"] = after,
                ["bits_per_weight"] = 8.0 * after / weights,
                ["block_size"] = nf4.BlockSize,
                ["double_quant"] = nf4.Double,
                ["embeddings"] = tables ? "nf4" : "none",
            });
        }
        else
        {
            var bits = (8.0 * after / weights).ToString("0.00", CultureInfo.InvariantCulture);
            Console.Out.WriteLine(
                $"{folder}: {Figures.Count(weights)} weights in {Figures.Bytes(after)} (before: {Figures.Bytes(before)}), {bits} bits a "
                + "weight.");
        }
        return ExitCode.Success;
    }

    private static int BlockSize(int? asked) => asked is null ? 64
        : asked is >= 32 and <= 4096 && (asked & (asked - 1)) == 0 ? asked.Value
        : throw new UsageException($"--block-size is {asked}; expected a power of two from 32 to 4096.");

    private static bool Tables(string? asked) => asked switch
    {
        null or "none" => false,
        "nf4" => true,
        _ => throw new UsageException($"--embeddings is \"{asked}\"; expected nf4 or none."),
    };

    private static long Bytes(string folder)
    {
        using var checkpoint = Checkpoint.Open(folder);
        return checkpoint.Names.Sum(name => checkpoint.Info(name).ByteLength);
    }
}
