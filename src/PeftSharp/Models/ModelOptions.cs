using PeftSharp.Data;
using PeftSharp.Models.Heads;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>How to load a model.</summary>
public sealed record ModelOptions
{
    /// <summary>The task; null takes what the checkpoint's <c>architectures</c> says, or plain embeddings.</summary>
    public TaskKind? Task { get; init; }

    /// <summary>
    /// Class names in the order of the outputs, or null to take those of the configuration. Where they are the names of the checkpoint's
    /// own head, its rows are put in this order; else a new last map is drawn.
    /// </summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>
    /// How a sequence becomes one vector; null (default): as the checkpoint says, else the model's pooler, as Hugging Face does.
    /// </summary>
    public Pooling? Pooling { get; init; }

    /// <summary>A head in AdapterHub's flexible layout instead of the model's own; null (default) for the model's own.</summary>
    public FlexibleHead? FlexibleHead { get; init; }

    /// <summary>Element type of weights and arithmetic: float32 (default), or float64 for checks of gradients.</summary>
    public ScalarType Precision { get; init; } = ScalarType.Float32;

    /// <summary>In which precision frozen weights are kept and multiplied; float32 by default.</summary>
    public ComputeType Compute { get; init; } = ComputeType.Float32;

    /// <summary>Quantises the layers' frozen weights to NF4, FP4 or INT8; null (default) leaves them as they are.</summary>
    public Quantization? Quantize { get; init; }

    /// <summary>
    /// True unpacks the weights of a GGUF file when it is loaded; false (default) leaves them in their blocks: less memory, more work a
    /// step.
    /// </summary>
    public bool Unpack { get; init; }

    /// <summary>
    /// Where weights live and products run: <c>cpu</c> (default), <c>cuda</c> or <c>cuda:1</c> …, <c>mps</c>; see
    /// <see cref="PeftSharp.Interop.ComputeDevice"/>.
    /// </summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Seed of tensors that the checkpoint lacks; default 42.</summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>True makes every tensor a shape without numbers: for counts of models that no memory would hold.</summary>
    internal bool ShapesOnly { get; init; }

    /// <summary>
    /// True counts ALiBi twice, as the eager attention of transformers does for Falcon (its default one, and Falcon's training, count it
    /// once): for reference cases.
    /// </summary>
    internal bool AlibiTwice { get; init; }

    /// <summary>What becomes of the checkpoint's own head; the loader finds out.</summary>
    internal HeadFit Head { get; init; } = HeadFit.AsItIs;

    /// <summary>Names that the checkpoint has for tensors of the head; the loader finds out.</summary>
    internal IReadOnlyDictionary<string, string> HeadNames { get; init; } = new Dictionary<string, string>();

    /// <summary>The options for what data asks: one of its classes, any number of them at once, or a number.</summary>
    /// <exception cref="PeftException">The data has no labels.</exception>
    public static ModelOptions For(TextDataset data) => data.Kind switch
    {
        LabelKind.Class => new() { Task = TaskKind.Classification, Labels = data.LabelNames },
        LabelKind.MultiLabel => new() { Task = TaskKind.MultiLabel, Labels = data.LabelNames },
        LabelKind.Regression => new() { Task = TaskKind.Regression },
        LabelKind.Tokens => new() { Task = TaskKind.CausalLanguage },
        _ =>
            throw new PeftException(
                $"{data.Source} has no labels, so nothing says what a model is to answer; name its label column, or give Task and Labels."),
    };
}
