using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Formats.Gguf;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Results;
using PeftSharp.Runs.Sources;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft export</c>: a LoRA, a model, or a model with an adapter merged into it, as a GGUF file.</summary>
internal static class ExportVerb
{
    private static readonly Dictionary<string, GgufQuantization> Types = new()
    {
        ["f32"] = GgufQuantization.F32,
        ["f16"] = GgufQuantization.F16,
        ["q8_0"] = GgufQuantization.Q8,
    };

    public static void Build(Command command)
    {
        var (models, json, noVerify) = (new ModelParts(), VerbParts.Json(), VerbParts.NoVerify());
        var merge = new Option<bool>("--merge")
        {
            Description = "Write the base with the adapter merged into it. Without it a LoRA is "
            + "written as a file of its own."
        };
        var type = VerbParts.Text("--dtype", "TYPE", "How a model's matrices are kept: f32, f16 or q8_0. Default: f16. A LoRA is kept in "
            + "f32.");
        var output = VerbParts.Text("--out", "FILE", "Where to write the GGUF file.");
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace the file if it exists." };
        foreach (var option in (Option[])[models.Base, models.Adapter, models.Revision, merge, type, output, overwrite, noVerify,
            json]) command.Add(option);
        HelpWithExamples.Add(command, "export --adapter runs/chat --out chat-lora.gguf",
            "export --base models/SmolLM2 --adapter runs/chat --merge --dtype q8_0 --out chat.gguf",
            "export --base models/SmolLM2 --out smollm2.gguf");
        VerbParts.Run(command, parsed => Run(
            parsed, models, parsed.GetValue(merge), parsed.GetValue(type), VerbParts.Need(parsed, output, "export"),
                parsed.GetValue(overwrite), VerbParts.Proof(parsed, noVerify), parsed.GetValue(json)));
    }

    private static int Run(ParseResult parsed, ModelParts models, bool merge, string? type, string output, bool overwrite, ProofUse proof,
        bool json)
    {
        if (!Types.TryGetValue((type ?? "f16").ToLowerInvariant(),
            out var quantization)) throw new UsageException($"--dtype is \"{type}\"; expected {string.Join(", ", Types.Keys)}.");
        models.Need(parsed, "export");
        var adapted = parsed.GetValue(models.Adapter) is { Length: > 0 };
        if (merge && !adapted) throw new UsageException("--merge was given without --adapter; name the adapter to merge.");
        if (adapted && !merge && type is not null) throw new UsageException("--dtype says how a model is kept; a LoRA is kept in f32: "
            + "leave it out, or add --merge.");
        OutputFile.Require(output, [parsed.GetValue(models.Base), parsed.GetValue(models.Adapter)]);
        if (File.Exists(output) && !overwrite) throw new UsageException($"{output} exists; give another file, or --overwrite.");
        var (basis, adapter) = models.Find(parsed, "export");
        if (adapter is not null && !merge) GgufAdapter.Write(AdapterFolder.Open(adapter.Folder), ModelConfig.Read(basis.Folder), output);
        else WriteModel(basis, adapter, quantization, output, proof);
        var bytes = FileSize.Of(output);
        if (json) JsonOut.Write(new JsonObject
        {
            ["out"] = output,
            ["kind"] = adapter is not null && !merge ? "adapter" : "model",
            ["bytes"] = bytes
        });
        else Console.Out.WriteLine($"{(adapter is null ? "the model" : merge ? "the merged model" : "the LoRA")} was written to {output} "
            + $"({Figures.Count(bytes)} bytes)");
        return ExitCode.Success;
    }

    private static void WriteModel(ModelFolder basis, ModelFolder? adapter, GgufQuantization quantization, string output, ProofUse proof)
    {
        using var model = ModelOpener.Open(basis.Folder, adapter?.Folder, new LoadOptions { Dense = true }, proof: proof);
        if (adapter is not null) model.Model.Merge(model.Adapter!.Name);
        GgufModel.Write(model.Model.Model, output, quantization, model.Tokenizer());
    }
}
