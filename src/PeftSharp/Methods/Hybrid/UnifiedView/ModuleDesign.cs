using System.Globalization;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Additive.Prefix;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;

namespace PeftSharp.Methods.Hybrid.UnifiedView;

/// <summary>
/// A method as a point of one table (He et al. 2021, arXiv 2110.04366): what a module computes, which representation it changes, what it
/// reads, and how its result joins. Points of the table that no method was made of are methods too.
/// </summary>
/// <param name="Form">What it computes.</param>
/// <param name="Modified">What it changes.</param>
/// <param name="Insertion">What it reads.</param>
/// <param name="Composition">How its result joins.</param>
public sealed record ModuleDesign(FunctionalForm Form, ModifiedPart Modified, InsertionForm Insertion, CompositionFunction Composition)
{
    /// <summary>Width of the bottleneck, rank, or length of the prefix; at least 1; default 16.</summary>
    public int Size { get; init; } = 16;

    /// <summary>s of a scaled composition; default 4, as in the paper.</summary>
    public double Scale { get; init; } = 4;

    /// <summary>The methods of the paper's table, by name.</summary>
    public static IReadOnlyDictionary<string, ModuleDesign> Known { get; } = new Dictionary<string, ModuleDesign>
    {
        ["prefix"] = new(FunctionalForm.Prefix, ModifiedPart.AttentionHeads, InsertionForm.Parallel, CompositionFunction.Gated),
        ["adapter"] = new(FunctionalForm.Bottleneck, ModifiedPart.FeedForward, InsertionForm.Sequential, CompositionFunction.Simple),
        ["lora"] = new(FunctionalForm.LowRank, ModifiedPart.Attention, InsertionForm.Parallel, CompositionFunction.Scaled),
        ["parallel-adapter"] = new(FunctionalForm.Bottleneck, ModifiedPart.FeedForward, InsertionForm.Parallel, CompositionFunction.Simple),
        ["scaled-parallel-adapter"] =
            new(FunctionalForm.Bottleneck, ModifiedPart.FeedForward, InsertionForm.Parallel, CompositionFunction.Scaled),
    };

    /// <summary>The settings of the method at this point.</summary>
    /// <exception cref="PeftException">No method here stands at it; the sentence says which choice excludes which.</exception>
    public MethodOptions Options()
    {
        if (Size < 1) throw new PeftException($"The size of a module is {Size}; expected a whole number of at least 1.");
        var scale = Composition == CompositionFunction.Scaled ? Scale : 1;
        return (Form, Modified, Insertion, Composition) switch
        {
            (FunctionalForm.Prefix, ModifiedPart.AttentionHeads, InsertionForm.Parallel, CompositionFunction.Gated) =>
                new PrefixOptions { HubStyle = true, VirtualTokens = Size },
            (FunctionalForm.Prefix, _, _, _) => throw No("a prefix changes attention heads, in parallel, by a gate that the softmax makes"),
            (_, ModifiedPart.AttentionHeads, _, _) => throw No("of the modules here a prefix alone changes single heads"),
            (_, _, _, CompositionFunction.Gated) => throw No("a gate is what a prefix's softmax makes; take another composition"),
            (FunctionalForm.LowRank, _, InsertionForm.Parallel, _) =>
                new LoraOptions { Rank = Size, Alpha = scale * Size, Roles = RolesOf(Modified) },
            (FunctionalForm.LowRank, _, _, _) => throw No("a low-rank change stands beside a linear map, in parallel"),
            (_, _, InsertionForm.Parallel, _) => Bottleneck(scale) with { IsParallel = true, InitWeights = "mam_adapter" },
            _ => Bottleneck(scale),
        };
    }

    /// <summary>Several points as one method, trained and saved together: MAM is a prefix and a scaled parallel adapter.</summary>
    /// <param name="designs">The points; at least one.</param>
    /// <exception cref="PeftException">No method stands at one of them.</exception>
    public static UnionOptions Together(params IReadOnlyList<ModuleDesign> designs) =>
        new() { Parts = [.. (designs ?? throw new ArgumentNullException(nameof(designs))).Select(design => design.Options().InUnion())] };

    private BottleneckOptions Bottleneck(double scale) => new()
    {
        AfterAttention = Modified == ModifiedPart.Attention,
        AfterFeedForward = Modified == ModifiedPart.FeedForward,
        Size = Size,
        OriginalNormBefore = false,
        Scaling = scale.ToString(CultureInfo.InvariantCulture),
    };

    private static ProjectionRole[] RolesOf(ModifiedPart part) => part == ModifiedPart.Attention
        ? [ProjectionRole.Query, ProjectionRole.Value]
        : [ProjectionRole.Intermediate, ProjectionRole.FeedForwardOutput];

    private PeftException No(string why) => new($"No method is {Form}, {Modified}, {Insertion}, {Composition}: {why}.");
}
