using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Additive.Prefix;
using PeftSharp.Methods.Hybrid.UnifiedView;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Hybrid;

/// <summary>Methods as points of one table.</summary>
public sealed class ModuleDesignTests
{
    public static TheoryData<FunctionalForm, ModifiedPart, InsertionForm, CompositionFunction> Points => new(
        from form in Enum.GetValues<FunctionalForm>()
        from part in Enum.GetValues<ModifiedPart>()
        from insertion in Enum.GetValues<InsertionForm>()
        from composition in Enum.GetValues<CompositionFunction>()
        select (form, part, insertion, composition));

    // Every point is a method that computes what it says, or is refused with the reason.
    [Theory]
    [MemberData(nameof(Points))]
    public void Every_Point_Is_What_It_Says_Or_Is_Refused(
        FunctionalForm form, ModifiedPart part, InsertionForm insertion, CompositionFunction composition)
    {
        var design = new ModuleDesign(form, part, insertion, composition) { Size = 4 };
        MethodOptions options;
        try
        {
            options = design.Options();
        }
        catch (PeftException e)
        {
            Assert.EndsWith(".", e.Message);
            Assert.DoesNotContain(design, ModuleDesign.Known.Values.Select(d => d with { Size = 4 }));
            return;
        }
        using var bench = new Bench("bert");
        var adapter = bench.Add(options);
        var places = adapter.Tensors.Where(t => t.Role == TensorRole.Trained).Select(t => t.Path).ToList();
        Assert.NotEmpty(places);
        if (form != FunctionalForm.Prefix)
            Assert.All(places, p => Assert.Equal(part == ModifiedPart.Attention, p.Contains("attention", StringComparison.Ordinal)));
        // Twice the scale is twice the change of what joins: told by the settings.
        var scaled = composition == CompositionFunction.Scaled ? 4 : 1;
        if (options is BottleneckOptions bottleneck)
        {
            Assert.Equal(scaled, bottleneck.FixedScaling);
            Assert.Equal(insertion == InsertionForm.Parallel, bottleneck.IsParallel);
        }
        if (options is LoraOptions lora) Assert.Equal(scaled, lora.Alpha / lora.Rank);
    }

    [Fact]
    public void A_Scaled_Parallel_Adapter_Is_AdapterHubs_And_Mam_Is_Two_Points()
    {
        var design = ModuleDesign.Known["scaled-parallel-adapter"] with { Size = 16 };
        using Bench ours = new("bert"), hubs = new("bert");
        var (a, b) = (ours.Add(design.Options()), hubs.Add("par_bn")); // of a width of 32 half
        Bench.Disturb(a);
        Bench.Disturb(b);
        Bits.AssertSame(hubs.Logits(b), ours.Logits(a), "The output");
        var mam = ModuleDesign.Together(ModuleDesign.Known["prefix"] with { Size = 30 }, design);
        Assert.Equal([typeof(PrefixOptions), typeof(BottleneckOptions)], mam.Parts.Select(p => p.GetType()));
        using var bench = new Bench("bert");
        Assert.Null(bench.Add(mam).Refusal(AdapterFormat.AdapterHub));
    }
}
