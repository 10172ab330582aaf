using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Terminal;
using PeftSharp.Files;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft quantize</c>: a model folder in 4 or 8 bits.</summary>
internal static class QuantizeVerb
{
    public static void Build(Command command)
    {
        var (basis, revision, json) = (VerbParts.Base(), VerbParts.Revision(), VerbParts.Json());
        var folder = VerbParts.Text("--out", "FOLDER", "Where the quantised model is written.");
        var type = VerbParts.Text("--type", "TYPE", $"{string.Join(", ", Quantization.Names)}. Default: nf4.");
        var block = VerbParts.Text(
            "--block-size", "N", "Weights of 4 bits that share a scale: a power of two from 32 to 4096. Default: 64.");
        var twice = new Option<bool>("--double-quant")
        {
            Description = "Quantise the scales of 4 bits too: 0.52 bytes a weight in place of 0.56 at block size 64.",
        };
        var tables = VerbParts.Text(
            "--embeddings", "TYPE|none", "Also quantise large embedding tables to --type, which only this program reads. Default: none.");
        var dense = VerbParts.Text(
            "--dtype", "TYPE", "Element type of what stays dense: float16, bfloat16 or float32. Default: float16.");
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace what an earlier run wrote there." };
        foreach (var option in (Option[])[basis, revision, folder, type, block, twice, tables, dense, overwrite, json]) command.Add(option);
        HelpWithExamples.Add(
            command, "quantize --base models/bert-base --out models/bert-base-nf4",
            "quantize -b models/minilm -o minilm-nf4 --double-quant --embeddings nf4",
            "quantize -b models/minilm -o minilm-int8 --type int8");
        VerbParts.Run(command, parsed => Run(
            VerbParts.Need(parsed, basis, "quantize"), parsed.GetValue(revision), VerbParts.Need(parsed, folder, "quantize"),
            new(Form(parsed.GetValue(type) ?? "nf4", VerbParts.Whole(parsed, block, 1), parsed.GetValue(twice)),
                ElementTypes.Of(parsed.GetValue(dense) ?? "float16")),
            parsed.GetValue(tables), parsed.GetValue(overwrite), parsed.GetValue(json)));
    }

    private sealed record Written(Quantization Form, ScalarType Dense);

    private static int Run(string basis, string? revision, string folder, Written how, string? asked, bool overwrite, bool json)
    {
        var form = how.Form;
        var tables = Tables(asked, form);
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
        ModelWriter.WriteQuantized(model, output.Create(), form, tables, how.Dense);
        LoadedModel.TokenizerOf(basis, null)?.Save(output.Aside);
        output.Finish();
        var (before, after) = (Bytes(basis), Bytes(folder));
        var weights = model.Sites.Count;
        if (json)
        {
            var four = form as FourBitOptions;
            JsonOut.Write(new JsonObject
            {
                ["out"] = folder,
                ["weights"] = weights,
                ["bytes_before"] = before,
                ["bytes"] = after,
                ["bits_per_weight"] = 8.0 * after / weights,
                ["type"] = form.Name,
                ["block_size"] = four?.BlockSize,
                ["double_quant"] = four?.Double,
                ["embeddings"] = tables ? form.Name : "none",
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

    private static Quantization Form(string name, int? block, bool twice)
    {
        if (block is { } size && !FourBitCodec.IsBlock(size))
            throw new UsageException($"--block-size is {size}; expected a power of two from 32 to 4096.");
        if (name == "int8" && (block is not null || twice))
            throw new UsageException("--block-size and --double-quant are for nf4 and fp4: int8 has one scale a row; leave them out.");
        return Quantization.Named(name, block ?? FourBitCodec.DefaultBlock, twice)
            ?? throw new UsageException($"--type is \"{name}\"; expected one of {string.Join(", ", Quantization.Names)}.");
    }

    private static bool Tables(string? asked, Quantization form) => asked is null or "none" ? false
        : asked == form.Name ? true
        : throw new UsageException($"--embeddings is \"{asked}\"; expected {form.Name}, as --type says, or none.");

    private static long Bytes(string folder)
    {
        using var checkpoint = Checkpoint.Open(folder);
        return checkpoint.Names.Sum(name => checkpoint.Info(name).ByteLength);
    }
}
