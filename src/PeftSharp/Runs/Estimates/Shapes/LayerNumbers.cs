using PeftSharp.Composition;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs.Recipes;
using PeftSharp.Sites;

namespace PeftSharp.Runs.Estimates.Shapes;

/// <summary>How many numbers a layer keeps for the backward pass, a token, counted from its seams.</summary>
/// <remarks>
/// A frozen map keeps nothing of its input, whose gradient needs its weight alone; a map with an adapter, or one that is trained, keeps it.
/// A norm keeps what it reads, an activation function what it reads, a product both factors, attention its queries, keys, values and
/// weights (or result, where libtorch's fused kernel computes it). Below the lowest seam with something trained nothing is kept, in the
/// middle of a layer too.
/// </remarks>
internal sealed class LayerNumbers(PeftModel model, PeftMethod adapter, ShapeEstimateOptions options)
{
    // libtorch's fused kernel is used beyond so many keys (Sites/Attention).
    private const int Short = 128;

    private readonly SiteMap _sites = model.Model.Sites;
    private readonly ForwardContext _call = new() { Selection = adapter.Tag.Alone };
    private readonly List<string> _active = [.. model.Model.Sites.ActiveAt(adapter.Tag).Select(seam => seam.Module)];
    private readonly int _tokens = LengthOf(model.Model, options) + model.Model.Sites.AddedTokens(adapter.Tag.Alone);

    /// <summary>Tokens of a row, virtual ones included.</summary>
    public int Tokens => _tokens;

    /// <summary>Tokens of a row as it comes.</summary>
    private static int LengthOf(TransformerModel model, ShapeEstimateOptions options)
    {
        var usual = model.Head.VocabularyMap is null ? TrainSettings.UsualLength : TrainSettings.UsualLengthOfTexts;
        return options.Length ?? Math.Min(usual, model.MaxTokens);
    }

    /// <summary>Layers whose activations are kept: those from the lowest with something trained on.</summary>
    public IReadOnlyList<SitePlace> Kept { get; } = [.. Layers(model.Model.Sites, adapter)];

    /// <summary>Numbers that one layer keeps for each token.</summary>
    public double Of(SitePlace layer)
    {
        var maps = _sites.Projections.Concat(_sites.Parts).Where(p => IsIn(layer, p.Place)).ToList();
        var branches = _sites.Branches.Where(b => IsIn(layer, b.Place)).ToList();
        var attentions = _sites.Attentions.Where(a => IsIn(layer, a.Place)).ToList();
        var feedForward = FeedForward(maps);
        // Where a bottleneck at the end of a branch is the lowest thing trained, the branch before it needs no gradient.
        if (Below(layer, branches) is { } below)
        {
            attentions.Clear();
            if (below == BranchKind.FeedForward) feedForward = 0;
        }
        var width = model.Model.Width;
        var sum = (double)width * branches.Count + attentions.Sum(Attention) + feedForward;
        foreach (var input in maps.Where(IsKept).GroupBy(InputOf))
            sum += input.Key == Input.AttentionResult && attentions.Exists(Fuses) ? 0 : input.First().InFeatures;
        sum += branches.Where(b => b.Plugins.AnyActive(_call)).Sum(b => (double)b.Width);
        return sum + (options.BaseDropout ? Masks(width) : 0);
    }

    private static bool IsIn(SitePlace layer, SitePlace place) => place.Layer == layer.Layer && place.Stack == layer.Stack;

    // The branch that keeps nothing, the attention before it included; null where other things are trained in the layer or below it.
    private BranchKind? Below(SitePlace layer, List<BranchSite> branches)
    {
        if (layer != Kept[0]) return null;
        var trained = branches.Where(b => b.Plugins.AnyActive(_call)).ToList();
        var modules = trained.Select(b => b.Path).ToHashSet();
        var others = _active.Where(module => _sites.LayerOf(module) is { } at && at <= layer.Layer && !modules.Contains(module));
        return trained.Count == 0 || others.Any() ? null : trained.Min(b => b.Kind);
    }

    /// <summary>Numbers at work at once in the backward pass of a layer, a token: gradients on their way.</summary>
    public double AtWork(SitePlace layer)
    {
        var maps = _sites.Projections.Where(p => p.Place.Layer == layer.Layer && p.Place.Stack == layer.Stack).ToList();
        if (maps.Count == 0) return 0;
        var widest = maps.Max(p => Math.Max(p.InFeatures, p.OutFeatures));
        var plain = _sites.Attentions.Where(a => a.Layer == layer.Layer && !Fuses(a));
        var weights = plain.Select(a => (double)a.Heads * _tokens).DefaultIfEmpty(0).Max();
        return Math.Max(4.0 * widest, 3 * weights) + 2.0 * model.Model.Width;
    }

    private enum Input { Residual, AttentionResult, FeedForward, Wide }

    // Maps that read the same tensor keep it once.
    private static Input InputOf(ProjectionSite map) => map.Role switch
    {
        ProjectionRole.AttentionOutput => Input.AttentionResult,
        ProjectionRole.Intermediate or ProjectionRole.Gate => Input.FeedForward,
        ProjectionRole.FeedForwardOutput => Input.Wide,
        _ => Input.Residual,
    };

    // LoRA-FA's trained factor reads r numbers.
    private bool IsKept(ProjectionSite map) =>
        (map.Plugins.AnyActive(_call) && adapter.Options is not LoraOptions { FreezeA: true }) || !map.Weight.IsPlain(_call);

    private double Attention(AttentionSite site)
    {
        var (queries, keys) = ((double)site.Heads * site.HeadDim, (double)site.KeyHeads * site.HeadDim);
        // The fused kernel wants a key head for each query head, and keeps its result; plain products keep the weights.
        if (Fuses(site)) return 2 * queries + 2 * (site.Shape.Group == 1 ? keys : queries) + site.Heads;
        var weights = (double)site.Heads * _tokens;
        var values = keys;
        var dropped = options.BaseDropout && AttentionDropout > 0 ? 1.25 : 0; // what is left of them, and a byte of mask
        var capped = site.Shape.SoftCap is null ? 0 : 1;
        return queries + keys + values + weights * (1 + dropped + capped);
    }

    private bool Fuses(AttentionSite site) =>
        _tokens > Short && site.Shape.SoftCap is null && (AttentionDropout == 0 || !options.BaseDropout);

    // A gated block keeps both factors and, but for SiLU, which is one operation here, what its function makes of the gate. The tanh form
    // of GELU is made of five products. A bfloat16 encoder keeps the block in bfloat16 where no adapter reads it.
    private double FeedForward(List<ProjectionSite> maps)
    {
        var inner = maps.Where(p => p.Role == ProjectionRole.FeedForwardOutput).Select(p => (double)p.InFeatures).DefaultIfEmpty(0).Max();
        var isGated = maps.Exists(p => p.Role == ProjectionRole.Gate);
        var function = FunctionName is "gelu_new" or "gelu_fast" or "gelu_accurate" or "gelu_pytorch_tanh" ? 5 : 1;
        if (isGated) return inner * (FunctionName is "silu" or "swish" ? 2 : function + 2);
        var blocks = maps.Where(p => p.Role is ProjectionRole.Intermediate or ProjectionRole.FeedForwardOutput);
        var isHalf = options.Compute == ComputeType.BFloat16 && model.Model is EncoderModel && !blocks.Any(IsKept);
        return inner * function * (isHalf ? 0.5 : 1);
    }

    // A byte a number at the end of both branches.
    private double Masks(int width) => HiddenDropout > 0 ? 2 * width / 4.0 : 0;

    private string FunctionName
    {
        get
        {
            string[] names = ["hidden_act", "activation_function", "hidden_activation", "activation"];
            var config = model.Model.Config;
            return names.FirstOrDefault(config.Has) is { } name ? config.Text(name) : "";
        }
    }

    private double AttentionDropout => Probability("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop", "dropout_rate");

    private double HiddenDropout => Probability("hidden_dropout_prob", "resid_pdrop", "hidden_dropout", "dropout_rate", "dropout");

    private double Probability(params string[] names)
    {
        var config = model.Model.Config;
        return names.FirstOrDefault(config.Has) is { } name ? config.Number(name, 0) : model.Model is EncoderModel ? 0.1 : 0;
    }

    private static IEnumerable<SitePlace> Layers(SiteMap sites, PeftMethod adapter)
    {
        var active = sites.ActiveAt(adapter.Tag).Select(seam => sites.LayerOf(seam.Module) ?? int.MaxValue);
        var lowest = active.DefaultIfEmpty(int.MaxValue).Min();
        return sites.Layers.Select(layer => layer.Place).Where(place => place.Layer >= Math.Max(0, lowest)).Distinct();
    }
}
