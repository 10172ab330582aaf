using PeftSharp.Interop;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A linear map y = x·Wᵀ + b whose weight may be dense or quantised, open to plug-ins.</summary>
public sealed class ProjectionSite(SitePlace place, ProjectionRole role, WeightSlot weight, TensorSlot? bias)
{
    /// <summary>Where it stands.</summary>
    public SitePlace Place { get; } = place;

    /// <summary>The module's path in the Hugging Face model, for example <c>bert.encoder.layer.0.attention.self.query</c>.</summary>
    public string Path => Place.Path;

    /// <summary>What the map does.</summary>
    public ProjectionRole Role { get; } = role;

    /// <summary>Index of its layer; -1 outside the layers.</summary>
    public int Layer => Place.Layer;

    /// <summary>Where the weight is read.</summary>
    public WeightSlot Weight { get; } = weight;

    /// <summary>Where the bias is read; null if the map has none.</summary>
    public TensorSlot? Bias { get; } = bias;

    /// <summary>Width of the input.</summary>
    public long InFeatures => Weight.Base.InFeatures;

    /// <summary>Width of the output.</summary>
    public long OutFeatures => Weight.Base.OutFeatures;

    /// <summary>The plug-ins here.</summary>
    public PluginList<IProjectionPlugin> Plugins { get; } = new(place);

    /// <summary>Applies the map. <paramref name="x"/>: [rows, tokens, in] → [rows, tokens, out].</summary>
    /// <param name="x">The input.</param>
    /// <param name="context">The call.</param>
    /// <param name="keepHalf">True lets the result stay in bfloat16 where the product is computed so and no plug-in reads it.</param>
    internal Tensor Forward(Tensor x, ForwardContext context, bool keepHalf = false)
    {
        var weight = Weight.Get(context);
        var bias = Bias?.Get(context);
        var active = Plugins.AnyActive(context);
        if (active) x = ApplyInputs(x, context);
        var early = bias is not null && bias.dim() == 1 && !(active && ReadsProduct(context));
        if (context.Cache is not null && FewRows.Try([weight], x) is { } few) return Finish(x, few, weight, bias, context, active);
        var y = weight.Linear(x, early ? bias : null, ResultType(weight, x.dtype, keepHalf && !active && (bias is null || early)));
        return Finish(x, y, weight, early ? null : bias, context, active);
    }

    private static ScalarType ResultType(WeightStore weight, ScalarType input, bool keepHalf)
    {
        if (!weight.ComputesInHalf) return input;
        if (keepHalf) return ScalarType.BFloat16;
        return input == ScalarType.BFloat16 ? ScalarType.Float32 : input;
    }

    /// <summary>True if nothing that is trained or merged acts here in this call.</summary>
    internal bool IsPlain(ForwardContext context) =>
        !Plugins.AnyActive(context) && Weight.IsPlain(context) && Bias?.IsPlain(context) != false;

    /// <summary>True if an active plug-in reads W·x without bias.</summary>
    internal bool ReadsProduct(ForwardContext context)
    {
        foreach (var adapter in context.Selection.Tags)
            foreach (var plugin in Plugins.Of(adapter))
                if (plugin is IProjectionDelta { ReadsProduct: true }) return true;
        return false;
    }

    /// <summary>True if an active plug-in changes the input.</summary>
    internal bool ChangesInput(ForwardContext context)
    {
        foreach (var adapter in context.Selection.Tags)
            foreach (var plugin in Plugins.Of(adapter))
                if (plugin is IProjectionInput) return true;
        return false;
    }

    /// <summary>What plug-ins and bias make of the product, for callers that computed it themselves (several maps in one).</summary>
    /// <param name="x">The input, [rows, tokens, in].</param>
    /// <param name="y">W·x, with the bias if <paramref name="bias"/> is null.</param>
    /// <param name="weight">The weight in use.</param>
    /// <param name="bias">The bias yet to be added, or null.</param>
    /// <param name="context">The call.</param>
    /// <param name="active">True if a plug-in acts here.</param>
    internal Tensor Finish(Tensor x, Tensor y, WeightStore weight, Tensor? bias, ForwardContext context, bool active)
    {
        if (!active) return bias is null ? y : y.Plus(Spread(bias, y));
        var wx = y;
        var shares = Plugins.Shares(context);
        var groups = JoinedRows.Of(shares, context, out var others);
        foreach (var joined in groups)
            y = Rows.Add(y, ((IJoinableDelta)joined.First).Delta(Rows.Select(x, joined.Index), joined), joined.Index);
        foreach (var share in others)
            if (share.Plugin is IProjectionDelta delta)
            {
                var (rows, inner) = (share.Rows, share.Context);
                var used = ReferenceEquals(inner, context) ? weight : Weight.Get(inner);
                y = Rows.Add(y, share.Weighed(delta.Delta(Rows.Select(x, rows), Rows.Select(wx, rows), used, inner)), rows);
            }
        if (bias is not null) y = y.Plus(Spread(bias, y));
        return Any<IProjectionOutput>(shares)
            ? Plugins.Pass(
                y, context, static (share, value) => share.Plugin is IProjectionOutput output ? output.Output(value, share.Context) : value)
            : y;
    }

    private static bool Any<T>(ReadOnlySpan<Share<IProjectionPlugin>> shares)
    {
        foreach (var share in shares)
            if (share.Plugin is T) return true;
        return false;
    }

    /// <summary>What active plug-ins make of the input.</summary>
    internal Tensor ApplyInputs(Tensor x, ForwardContext context) => !ChangesInput(context) ? x
        : Plugins.Pass(
            x, context, static (share, value) => share.Plugin is IProjectionInput input ? input.Input(value, share.Context) : value);

    /// <summary>Shapes a vector [n] or per-row vectors [rows, n] to be added to <paramref name="y"/>, [rows, …, n].</summary>
    internal static Tensor Spread(Tensor vector, Tensor y)
    {
        if (vector.dim() != 2) return vector;
        for (var dim = y.dim(); dim > 2; dim--) vector = vector.unsqueeze(1);
        return vector;
    }
}
