using System.Globalization;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs.Results;
using PeftSharp.Sites;
using PeftSharp.Training;
using PeftSharp.Training.Optimizers;

namespace PeftSharp.Runs.Estimates.Shapes;

/// <summary>
/// What a training run would need, worked out from a configuration alone: no weight is read, nothing is run. Each part comes with its
/// formula. <see cref="RunEstimate"/> measures instead, where the model fits.
/// </summary>
public sealed class ShapeEstimate
{
    private const int FloatBytes = 4;
    private const string Unpacked = "a weight unpacked";

    // Hidden states outside the layers that wait for the backward pass, in numbers of layers: embeddings and what the head reads.
    private const int Around = 4;

    // A program with libtorch loaded and a small tokenizer; what the first steps touch of libtorch's code and keep of its kernels, which
    // are compiled for bfloat16; and holes between tensors that come and go. Measured on Linux, each by itself (docs/estimates.md).
    private const long ProgramBytes = 190L << 20, AtWorkBytes = 62L << 20, AtWorkInHalf = 105L << 20;
    private const double HeapShare = 0.65;

    private ShapeEstimate(
        string architecture, long weights, ParameterCount parameters, IReadOnlyList<EstimateLine> memory,
        IReadOnlyList<EstimateLine> disk) =>
        (Architecture, Weights, Parameters, Memory, Disk) = (architecture, weights, parameters, memory, disk);

    /// <summary>The <c>model_type</c>.</summary>
    public string Architecture { get; }

    /// <summary>Weights of the model, head included.</summary>
    public long Weights { get; }

    /// <summary>How many weights are trained.</summary>
    public ParameterCount Parameters { get; }

    /// <summary>What takes memory, in the order of a run.</summary>
    public IReadOnlyList<EstimateLine> Memory { get; }

    /// <summary>What takes room on the disk.</summary>
    public IReadOnlyList<EstimateLine> Disk { get; }

    /// <summary>Bytes of memory at most.</summary>
    public long Peak => Memory.Sum(line => line.Bytes);

    /// <summary>Works it out.</summary>
    /// <param name="config">The model's configuration.</param>
    /// <param name="method">The method's settings.</param>
    /// <param name="options">The run; default: batches of 16 rows of 128 tokens in float32.</param>
    /// <exception cref="PeftException">The configuration or a setting is not as expected, or the method does not fit the model.</exception>
    public static ShapeEstimate Of(ModelConfig config, MethodOptions method, ShapeEstimateOptions? options = null)
    {
        options ??= new();
        method.Validate();
        using var model = new PeftModel(ModelLoader.Shapes(config, options.Task));
        options.Validate(model.Model.MaxTokens);
        var adapter = ShapesOnly.Add(model, method);
        var parameters = ParameterCount.Of(model, adapter);
        List<EstimateLine> working = [.. Trained(adapter, options), .. InAPass(model, adapter, options)];
        var passing = working.Where(line => line.Name is not ("adapter" or "optimizer state" or Unpacked)).Sum(line => line.Bytes);
        List<EstimateLine> memory =
        [
            new("program", ProgramBytes, "libtorch, runtime and tokenizer: measured"),
            new(
                "program at work", options.Compute == ComputeType.BFloat16 ? AtWorkInHalf : AtWorkBytes,
                "code and buffers of kernels: measured"),
            .. Kept(model, options),
            .. working,
            new("gaps in the heap", (long)(HeapShare * passing), "65 % of what each step allocates and frees: measured"),
        ];
        return new(config.ModelType, model.Model.Sites.Count, parameters, memory, OnDisk(adapter, options));
    }

    private static IEnumerable<EstimateLine> Kept(PeftModel model, ShapeEstimateOptions options)
    {
        var (frozen, few) = (Maps(model), DenseMaps.Others(model.Model));
        var (layers, dense, others) = (0L, 0L, 0L);
        foreach (var slot in model.Model.Sites.Slots)
            if (few.Contains(slot)) layers += slot.Count;
            else if (frozen.Contains(slot)) dense += slot.Count;
            else others += slot.Count;
        var (plain, type) = options.Compute == ComputeType.BFloat16 ? (2, "bfloat16") : (FloatBytes, "float32");
        if (options.Quantize is null) (layers, dense) = (layers + dense, 0);
        var (bytes, form) = options.Quantize is { } quantize ? (quantize.BytesPerWeight, quantize.Text) : (plain, type);
        yield return new("weights of the layers", (long)(layers * bytes), $"{Figures.Count(layers)} × {Number(bytes)} bytes ({form})");
        if (dense > 0)
            yield return new("maps that stay dense", dense * plain, $"{Figures.Count(dense)} × {plain} bytes ({type}, not quantised)");
        yield return new("embeddings, norms, head", others * FloatBytes, $"{Figures.Count(others)} × 4 bytes (float32)");
    }

    // Weights of frozen maps, which are kept in the run's precision. A tied head is its embedding table.
    private static HashSet<Slot> Maps(PeftModel model)
    {
        var maps = model.Model.Sites.Projections.Where(p => p.Role is not (ProjectionRole.Head or ProjectionRole.Pooler));
        return [.. maps.Select(p => p.Weight).Where(slot => slot is not TiedSlot)];
    }

    private static IEnumerable<EstimateLine> Trained(PeftMethod adapter, ShapeEstimateOptions options)
    {
        var trained = adapter.Tensors.Sum(t => t.Value.numel());
        var frozen = adapter.Frozen.Sum(t => t.Value.numel());
        var state = OptimizerKind.BytesPerWeight(new() { Optimizer = options.Optimizer });
        yield return new("adapter", (trained + frozen) * FloatBytes, $"{Figures.Count(trained + frozen)} × 4 bytes (float32)");
        yield return new("gradients", trained * FloatBytes, $"{Figures.Count(trained)} × 4 bytes (float32)");
        yield return new("optimizer state", (long)(trained * state), options.Optimizer.StartsWith("paged", StringComparison.Ordinal)
            ? $"in a file that the system pages in and out ({options.Optimizer})"
            : $"{Figures.Count(trained)} × {Number(state)} bytes ({options.Optimizer})");
    }

    private static IEnumerable<EstimateLine> InAPass(PeftModel model, PeftMethod adapter, ShapeEstimateOptions options)
    {
        var numbers = new LayerNumbers(model, adapter, options);
        var rows = TokenBatch.PartRows(options.BatchSize, numbers.Tokens, options.TokensPerPass);
        var tokens = (long)rows * numbers.Tokens;
        var shape = $"{Figures.Count(rows)} × {Figures.Count(numbers.Tokens)} tokens";
        var layers = numbers.Kept;
        if (layers.Count == 0)
        {
            yield return new("activations", 0, "nothing below the head is trained");
            yield break;
        }
        var each = layers.Select(numbers.Of).ToList();
        var largest = each.Max();
        // The last layer computes its first token alone where the head reads no other.
        if (SkipsTokens(model, adapter)) each[^1] = Math.Min(each[^1], 3.0 * model.Model.Width);
        var (all, width) = (each.Sum(), model.Model.Width);
        if (options.Checkpointing)
            yield return new(
                "inputs of layers", tokens * width * (layers.Count + Around) * FloatBytes,
                $"{layers.Count + Around} layers × {shape} × {Figures.Count(width)} × 4 bytes ({Around} for what stands around them)");
        else
            yield return new(
                "activations", (long)(tokens * all * FloatBytes),
                $"{layers.Count} layers × {shape} × {Number(all / layers.Count)} numbers × 4 bytes");
        if (Dequantised(model, options) is { } buffer) yield return buffer;
        foreach (var line in AtOnce(model, numbers, tokens, options.Checkpointing ? largest : 0, shape)) yield return line;
    }

    // The loss is computed before the backward pass begins, so that of the two only the larger counts.
    private static List<EstimateLine> AtOnce(PeftModel model, LayerNumbers numbers, long tokens, double layer, string shape)
    {
        List<EstimateLine> backward = [];
        if (layer > 0)
            backward.Add(new(
                "activations of one layer", (long)(tokens * layer * FloatBytes),
                $"{shape} × {Number(layer)} numbers × 4 bytes, computed again"));
        var atWork = numbers.Kept.Max(numbers.AtWork);
        backward.Add(new("gradients on their way", (long)(tokens * atWork * FloatBytes), $"{shape} × {Number(atWork)} numbers × 4 bytes"));
        return Logits(model) is { } logits && logits.Bytes > backward.Sum(line => line.Bytes) ? [logits] : backward;
    }

    private static bool SkipsTokens(PeftModel model, PeftMethod adapter) =>
        model.Model is EncoderModel && model.Model.Head.ReadsFirstTokenOnly && !adapter.Tag.NeedsAllTokens;

    // One buffer, as large as the largest weight: maps of one input are unpacked beside each other.
    private static EstimateLine? Dequantised(PeftModel model, ShapeEstimateOptions options)
    {
        if (options.Quantize is null) return null;
        var sites = model.Model.Sites;
        var single = DenseMaps.Others(model.Model).Select(slot => slot.Count);
        var joined = sites.Groups.Select(group => group.Count).Concat(single).Append(0).Max();
        var bytes = options.Compute == ComputeType.BFloat16 ? 2 : FloatBytes;
        return new(Unpacked, joined * bytes, $"{Figures.Count(joined)} × {bytes} bytes, for one product at a time");
    }

    private static EstimateLine? Logits(PeftModel model)
    {
        if (model.Model.Head.VocabularyMap is not { } map) return null;
        var chunk = VocabularyLoss.ChunkOf(map.OutFeatures);
        return new(
            "logits", chunk * map.OutFeatures * FloatBytes,
            $"{Figures.Count(chunk)} tokens × {Figures.Count(map.OutFeatures)} words × 4 bytes (which become their gradients)");
    }

    private static List<EstimateLine> OnDisk(PeftMethod adapter, ShapeEstimateOptions options)
    {
        var trained = adapter.Tensors.Sum(t => t.Value.numel());
        var saved = adapter.Tensors.Concat(adapter.Frozen).Sum(t => t.Value.numel());
        var state = OptimizerKind.BytesOfState(new() { Optimizer = options.Optimizer });
        var lines = new List<EstimateLine>
        {
            new("the saved adapter", saved * FloatBytes, $"{Figures.Count(saved)} × 4 bytes (float32)"),
            new(
                "a saved state of the run", (long)(trained * (FloatBytes + state)),
                $"{Figures.Count(trained)} × {Number(FloatBytes + state)} bytes (adapter and optimizer)"),
        };
        if (options.Optimizer.StartsWith("paged", StringComparison.Ordinal))
            lines.Add(new(
                "the optimizer's paged file", (long)(trained * state),
                $"{Figures.Count(trained)} × {Number(state)} bytes, while the run lasts"));
        return lines;
    }

    private static string Number(double value) => value.ToString(value < 10 ? "0.####" : "#,0", CultureInfo.InvariantCulture);
}
