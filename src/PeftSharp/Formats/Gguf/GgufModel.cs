using PeftSharp.Files.Gguf;
using PeftSharp.Interop;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tokenization;
using PeftSharp.Tokenization.Gguf;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Formats.Gguf;

/// <summary>Writes a model as a GGUF file, as llama.cpp's own converter lays it out.</summary>
public static class GgufModel
{
    /// <summary>Writes what a decoder reads at present, merged adapters included, with its tokenizer and configuration; the file appears
    /// whole or not at all.</summary>
    /// <param name="model">A decoder with its language head.</param>
    /// <param name="file">The file.</param>
    /// <param name="quantization">How matrices are kept; default 16-bit floats.</param>
    /// <param name="tokenizer">Its tokenizer; null writes none, and the model reads token ids.</param>
    /// <exception cref="PeftException">The architecture, the head, the positions or the tokenizer have no place in GGUF, or the file cannot
    /// be written.</exception>
    public static void Write(TransformerModel model, string file, GgufQuantization quantization = GgufQuantization.F16,
        Tokenizer? tokenizer = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(file);
        var architecture = ArchitectureOf(model);
        var writer = new GgufWriter();
        writer.Add("general.architecture", architecture.Name);
        writer.Add("general.type", "model");
        writer.Add("general.name", Path.GetFileNameWithoutExtension(file));
        writer.Add("general.file_type", quantization switch { GgufQuantization.F32 => 0, GgufQuantization.F16 => 1, _ => 7 });
        writer.Add("general.quantization_version", 2);
        var table = model.Sites.Embeddings[0];
        GgufModelMetadata.Add(model, architecture, (int)table.Vocabulary, writer);
        GgufTokenizerWriter.Add(tokenizer, writer, (int)table.Vocabulary);
        foreach (var slot in model.Sites.Slots.Where(slot => slot is not TiedSlot)) Add(writer, slot, model, architecture, quantization);
        // llama.cpp scales no output: of T5 it is written beside the table that it is made of, so that a file says what is computed.
        if (model.Config.ModelType == "t5" && !model.Sites.Slots.Any(slot => slot.Name == "lm_head.weight"))
            AddMatrix(writer, "output.weight", [table.Vocabulary, table.Dim], quantization, () => ValueOf(table.Table).Times(Scale(model)));
        if (GgufModelMetadata.Stretching(model.Config, model.Sites.Attentions[0].Shape.HeadDim) is { } factors)
            writer.Add("rope_freqs.weight", GgufType.F32, [factors.Length], () => tensor(factors));
        writer.Write(file);
    }

    /// <summary>The architecture under which a model is written.</summary>
    internal static GgufArchitecture ArchitectureOf(TransformerModel model)
    {
        if (model.Head.Kind is not (TaskKind.CausalLanguage or TaskKind.SequenceToSequence))
            throw new PeftException($"The model's head answers the task {model.Head.Kind}, for which GGUF has no place; give a decoder "
                + "that writes text.");
        return GgufArchitecture.Of(model.Config.ModelType, model.Config.File);
    }

    private static void Add(GgufWriter writer, Slot slot, TransformerModel model, GgufArchitecture architecture,
        GgufQuantization quantization)
    {
        var dot = slot.Name.LastIndexOf('.');
        var module = architecture.ModuleToGguf(slot.Name[..dot])
            ?? throw new PeftException($"The model has a tensor \"{slot.Name}\", for which the architecture {architecture.Name} has no "
                + "place in GGUF; keep it in Hugging Face's layout.");
        var shape = ShapeOf(slot);
        var isMatrix = shape.Length == 2;
        // Tables of positions are small, and what reads them is exact.
        var isExact = !isMatrix || module == "position_embd" || module.EndsWith("attn_rel_b", StringComparison.Ordinal);
        AddMatrix(writer, $"{module}{slot.Name[dot..]}", shape, isExact ? GgufQuantization.F32 : quantization, () =>
        {
            var value = module == "output" ? ValueOf(slot).Times(Scale(model)) : ValueOf(slot);
            var attention = model.Sites.Attentions[0].Shape;
            if (architecture.Order(module, value.shape[0], (attention.Heads, attention.KeyHeads), toFile: true) is { } order)
                return value.index_select(0, tensor(order));
            return !isMatrix && architecture.NormShift != 0 && slot.Name.EndsWith("norm.weight", StringComparison.Ordinal)
                ? value.Plus((double)architecture.NormShift) : value;
        });
    }

    private static void AddMatrix(GgufWriter writer, string name, long[] shape, GgufQuantization quantization, Func<Tensor> value) =>
        writer.Add(
            name,
            quantization == GgufQuantization.F32 ? GgufType.F32
            : quantization == GgufQuantization.Q8 && shape[^1] % GgufType.Q8.BlockSize == 0 ? GgufType.Q8
            : GgufType.F16,
            shape, value);

    // What the output map is multiplied by, where a model scales what it reads.
    private static double Scale(TransformerModel model) =>
        model.Config.ModelType == "t5" && T5Config.Read(model.Config) is { ScaledOutput: true } shape ? 1 / Math.Sqrt(shape.Hidden) : 1;

    private static long[] ShapeOf(Slot slot)
    {
        if (slot is WeightSlot weight) return [weight.Base.OutFeatures, weight.Base.InFeatures];
        return slot.Value.shape;
    }

    // What the model reads, merged adapters included.
    private static Tensor ValueOf(Slot slot)
    {
        var plain = new ForwardContext();
        return (slot is WeightSlot weight ? weight.Get(plain).Dense() : ((TensorSlot)slot).Get(plain)).cpu();
    }
}
