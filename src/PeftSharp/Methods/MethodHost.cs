using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods;

/// <summary>What a method sees of the model that it is attached to: its seams and a few facts, never the model.</summary>
/// <param name="Sites">Every slot and site.</param>
/// <param name="ModelType">The architecture's Hugging Face name, for example <c>bert</c>.</param>
/// <param name="BasePrefix">The base model's prefix, for example <c>bert.</c>; empty for a bare model.</param>
/// <param name="TaskType">peft's name of the task, for example <c>SEQ_CLS</c>.</param>
/// <param name="HeadModules">The head's modules, which are trained with the adapter.</param>
/// <param name="Width">Width of the residual stream.</param>
/// <param name="Precision">Element type of the adapter's tensors.</param>
/// <param name="Device">Where the adapter's tensors live.</param>
/// <param name="Seed">Seed of start values.</param>
public sealed record MethodHost(
    SiteMap Sites, string ModelType, string BasePrefix, string TaskType, IReadOnlyList<string> HeadModules, int Width, ScalarType Precision,
    Device Device, ulong Seed)
{
    /// <summary>
    /// True if saved tensors are read into the adapter next: its start values do not matter, and what they would need may be missing.
    /// </summary>
    public bool FromFile { get; init; }

    /// <summary>Tensors that the base lacked and that were drawn at random (a fresh head).</summary>
    public IReadOnlyList<string> Drawn { get; init; } = [];

    /// <summary>
    /// Width of the states that the head reads; that of the residual stream (default) unless a last map has made another of it.
    /// </summary>
    internal int StateWidth { get => field == 0 ? Width : field; init; }

    /// <summary>The model's class in Python, for example <c>BertForSequenceClassification</c>; AdapterHub's files name it.</summary>
    public string? ModelClass { get; init; }

    /// <summary>
    /// AdapterHub's settings of a head in its flexible layout, with the head's name; null for a head of the model's class.
    /// </summary>
    internal System.Text.Json.Nodes.JsonObject? FlexibleHead { get; init; }

    /// <summary>The head's modules, in a part of a composite too, which leaves them to the whole.</summary>
    public IReadOnlyList<string> WholeHead { get => field ?? HeadModules; init; }

    /// <summary>True if the method is a part of a composite one, which trains the head itself.</summary>
    public bool IsPart { get; init; }

    /// <summary>
    /// The map that yields the head's outputs, which an adapter may replace by one of its own width; null where the head has none.
    /// </summary>
    public ProjectionSite? HeadOutput { get; init; }

    /// <summary>
    /// True if each of the head's outputs is a question of its own, whether its class holds; false if they are classes of which one does.
    /// </summary>
    public bool AnswersEachClass { get; init; }

    /// <summary>Number of outputs of the adapter's own head; null (default) for as many as the base's.</summary>
    public int? Outputs { get; init; }

    /// <summary>True if that head starts anew even where the base's has as many outputs: they mean something else.</summary>
    internal bool DrawsHead { get; init; }

    /// <summary>True if the adapter's head has other outputs than the base's.</summary>
    internal bool HasOwnOutputs => Outputs is { } own && (DrawsHead || own != HeadOutput?.OutFeatures);

    /// <summary>The tensors that adapters of the model have together.</summary>
    internal SharedArtifacts Shared { get; init; } = new();

    /// <summary>What a trained tensor is made of, from its start value; by default the tensor itself.</summary>
    internal Func<Tensor, Tensor> Trained { get; init; } = static value => value;

    /// <summary>
    /// How many numbers those files hold together; null where there are none. Settings that ask for more do not belong to them.
    /// </summary>
    internal long? SavedNumbers { get; init; }
}
