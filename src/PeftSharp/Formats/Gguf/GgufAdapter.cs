using PeftSharp.Files;
using PeftSharp.Files.Gguf;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Formats.Gguf;

/// <summary>Writes a LoRA as a GGUF adapter, as llama.cpp's own converter names it.</summary>
public static class GgufAdapter
{
    private const string Prefix = "base_model.model.", First = ".lora_A.weight", Second = ".lora_B.weight";

    /// <summary>Writes an adapter folder as one file; the file appears whole or not at all.</summary>
    /// <param name="folder">A LoRA in peft's layout, trained on a decoder.</param>
    /// <param name="basis">The configuration of the base model.</param>
    /// <param name="file">The file.</param>
    /// <exception cref="PeftException">The adapter is no plain LoRA, the base's architecture has no place in GGUF, or the file cannot be
    /// written.</exception>
    public static void Write(AdapterFolder folder, ModelConfig basis, string file)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(basis);
        ArgumentException.ThrowIfNullOrEmpty(file);
        LibTorch.EnsureLoaded();
        var options = PlainLora(folder);
        var architecture = GgufArchitecture.Of(basis.ModelType, basis.File);
        using var saved = SafetensorsFile.Open(folder.WeightsFile);
        var writer = new GgufWriter();
        writer.Add("general.architecture", architecture.Name);
        writer.Add("general.type", "adapter");
        writer.Add("adapter.type", "lora");
        writer.Add("general.name", System.IO.Path.GetFileNameWithoutExtension(file));
        writer.Add("general.file_type", 0);
        writer.Add("general.quantization_version", 2);
        writer.Add("adapter.lora.alpha", (float)options.Alpha);
        var modules = saved.Tensors.Keys.Where(name => name.EndsWith(First, StringComparison.Ordinal)).Order(StringComparer.Ordinal)
            .ToList();
        if (Stray(saved, modules) is { } stray)
            throw new PeftException($"{folder.WeightsFile} has the tensor {Quoted.Name(stray)}, for which a GGUF adapter has no place; "
                + "merge the adapter and write the model.");
        var patterns = new PathPatterns("LORA");
        foreach (var name in modules) Add(writer, saved, name, architecture, basis, (options, patterns));
        writer.Write(file);
    }

    private static LoraOptions PlainLora(AdapterFolder folder)
    {
        var problem = folder.Options is not LoraOptions lora ? $"holds {folder.Options.PeftType}"
            : folder.Format != AdapterFormat.Peft ? "is in AdapterHub's layout"
            : lora.UseDora ? "is a DoRA"
            : lora.LoraBias ? "has biases in its second factor"
            : null;
        return problem is null ? (LoraOptions)folder.Options
            : throw new PeftException($"{folder.Path} {problem}, and a GGUF adapter is a plain LoRA in peft's layout; extract one from it "
                + "with \"peft extract\", or merge it and write the model.");
    }

    private static string? Stray(SafetensorsFile saved, List<string> modules)
    {
        var known = modules.SelectMany(name => (string[])[name, SecondOf(name)]).ToHashSet();
        return saved.Tensors.Keys.FirstOrDefault(name => !known.Contains(name));
    }

    private static string SecondOf(string first) => first[..^First.Length] + Second;

    private static void Add(GgufWriter writer, SafetensorsFile saved, string first, GgufArchitecture architecture, ModelConfig basis,
        (LoraOptions Lora, PathPatterns Patterns) options)
    {
        var path = first[(first.StartsWith(Prefix, StringComparison.Ordinal) ? Prefix.Length : 0)..^First.Length];
        var module = architecture.ModuleToGguf(path)
            ?? throw new PeftException($"{saved.Path} adapts the module {Quoted.Name(path)}, for which the architecture "
                + $"{architecture.Name} has no place in GGUF; merge the adapter and write the model.");
        var (a, b) = (saved.Tensors[first].Shape, saved.Tensors.TryGetValue(SecondOf(first), out var info) ? info.Shape : []);
        if (a.Length != 2 || b.Length != 2 || a[0] != b[1])
            throw new PeftException($"{saved.Path}: the factors of {Quoted.Name(path)} have the shapes [{string.Join(", ", a)}] and "
                + $"[{string.Join(", ", b)}]; expected [r, in] and [out, r].");
        writer.Add($"{module}.weight.lora_a", GgufType.F32, a, () => saved.Read(first).to(ScalarType.Float32));
        writer.Add($"{module}.weight.lora_b", GgufType.F32, b, () =>
        {
            // llama.cpp scales by alpha / r, one alpha for all: what a module's own scale differs by goes into its second factor.
            var value = saved.Read(SecondOf(first)).to(ScalarType.Float32)
                .Times(Correction(options.Lora, options.Patterns, path, (int)a[0]));
            return architecture.Order(module, b[0], GgufModelMetadata.Heads(basis), toFile: true) switch
            {
                null => value,
                [] => throw new PeftException($"{saved.Path}: the second factor of {Quoted.Name(path)} has {b[0]} rows, which the heads of "
                    + $"{basis.File} do not divide; give the base that it was trained on."),
                var order => value.index_select(0, tensor(order)),
            };
        });
    }

    private static double Correction(LoraOptions options, PathPatterns patterns, string path, int rank) =>
        options.Alpha == 0 ? 0 : LoraMethod.RankAndScale(options, patterns, path).Scale * rank / options.Alpha;
}
