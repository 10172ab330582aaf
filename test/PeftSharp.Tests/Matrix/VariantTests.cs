using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Boft;
using PeftSharp.Methods.Reparameterized.C3a;
using PeftSharp.Methods.Reparameterized.FourierFt;
using PeftSharp.Methods.Reparameterized.GraLora;
using PeftSharp.Methods.Reparameterized.Hira;
using PeftSharp.Methods.Reparameterized.Hra;
using PeftSharp.Methods.Reparameterized.LoHa;
using PeftSharp.Methods.Reparameterized.LoKr;
using PeftSharp.Methods.Reparameterized.Miss;
using PeftSharp.Methods.Reparameterized.Oft;
using PeftSharp.Methods.Reparameterized.RandLora;
using PeftSharp.Methods.Reparameterized.Road;
using PeftSharp.Methods.Reparameterized.Shira;
using PeftSharp.Methods.Reparameterized.VbLora;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Matrix;

/// <summary>The laws of merging, of gradients and of files for settings that are not a method's defaults.</summary>
public sealed class VariantTests
{
    private static readonly Dictionary<string, MethodOptions> Variants = new()
    {
        ["loha patterns"] = new LoHaOptions
        {
            TargetModules = new("all-linear"),
            RankPattern = new Dictionary<string, int> { ["(query|q_proj|c_attn)"] = 2 },
            AlphaPattern = new Dictionary<string, double> { ["(value|v_proj|c_fc)"] = 3 },
        },
        ["loha dropped"] = new LoHaOptions { RankDropout = 0.4, ModuleDropout = 0.3 },
        ["lokr both"] = new LoKrOptions { Rank = 1, DecomposeBoth = true, DecomposeFactor = 8, TargetModules = new("all-linear") },
        ["lokr lycoris"] = new LoKrOptions { Rank = 2, InitWeights = Json("\"lycoris\""), RankDropout = 0.4, RankDropoutScale = true },
        ["lokr whole"] = new LoKrOptions { Rank = 64, InitWeights = Json("false"), ModuleDropout = 0.3 },
        ["oft shared"] = new OftOptions { BlockSize = 8, SharesBlock = true, UseNeumann = false, TargetModules = new("all-linear") },
        ["oft few terms"] = new OftOptions { Blocks = 5, BlockSize = 0, NeumannTerms = 2, ModuleDropout = 0.5 },
        ["oft more terms"] = new OftOptions { BlockSize = 8, NeumannTerms = 8, InitWeights = false, ModuleDropout = 0.5 },
        ["boft butterfly"] = new BoftOptions { BlockSize = 4, Factors = 3, Dropout = 0.5, InitWeights = false },
        ["boft blocks"] = new BoftOptions { BlockSize = 0, Blocks = 4, Factors = 2, TargetModules = new("all-linear") },
        ["hra orthogonal"] = new HraOptions { Rank = 3, Orthogonalises = true, InitWeights = false, TargetModules = new("all-linear") },
        ["hra odd"] = new HraOptions { Rank = 5 },
        ["miss cut"] = new MissOptions { Rank = 5, Dropout = 0.3, InitWeights = Json("false"), TargetModules = new("all-linear") },
        ["miss mini"] = new MissOptions { Rank = 6, MiniRank = 4, InitWeights = Json("\"mini\"") },
        ["miss bat"] = new MissOptions { Rank = 8, InitWeights = Json("\"bat\"") },
        ["randlora many"] = new RandLoraOptions { Rank = 5, Alpha = 5, Dropout = 0.2, TargetModules = new("all-linear") },
        ["randlora sparse"] = new RandLoraOptions { Rank = 4, Sparse = true, SaveProjection = false, InitWeights = false },
        ["randlora very sparse"] = new RandLoraOptions { Rank = 4, VerySparse = true },
        ["vblora mixed"] = new VbLoraOptions { Vectors = 10, Length = 4, Mixed = 3, Dropout = 0.2, TargetModules = new("all-linear") },
        ["hira patterns"] = new HiraOptions
        {
            Rank = 3,
            Dropout = 0.3,
            InitWeights = Json("\"gaussian\""),
            TargetModules = new("all-linear"),
            RankPattern = new Dictionary<string, int> { ["(query|q_proj|c_attn)"] = 5 },
        },
        ["gralora hybrid"] = new GraLoraOptions { Rank = 8, Parts = 4, HybridRank = 3, Dropout = 0.3, TargetModules = new("all-linear") },
        ["gralora random"] = new GraLoraOptions { Rank = 6, Parts = 1, InitWeights = false },
        ["shira seeded"] = new ShiraOptions { Rank = 2, RandomSeed = 5, InitWeights = false, TargetModules = new("all-linear") },
        ["c3a patterns"] = new C3aOptions
        {
            BlockSize = 4,
            InitWeights = Json("\"gaussian\""),
            TargetModules = new("all-linear"),
            BlockSizePattern = new Dictionary<string, int> { ["(query|q_proj|c_attn)"] = 16 },
        },
        ["road 2"] = new RoadOptions { Variant = "road_2", GroupSize = 4, TargetModules = new("all-linear") },
        ["road 4"] = new RoadOptions { Variant = "road_4", GroupSize = 16, InitWeights = false },
        ["fourierft patterns"] = new FourierFtOptions
        {
            Frequencies = 30,
            LocationSeed = 3,
            StartsAtZero = true,
            TargetModules = new("all-linear"),
            FrequencyPattern = new Dictionary<string, int> { ["(query|q_proj|c_attn)"] = 50 },
        },
    };

    public static TheoryData<string, string> Cases => new(
        from architecture in (string[])["bert", "llama", "gpt2"]
        from variant in Variants.Keys
        select (architecture, variant));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Merges_As_It_Computes(string architecture, string variant) => ViewTests.Merges(architecture, Variants[variant]);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Follows_The_Slope(string architecture, string variant) => GradientTests.Agrees(architecture, Variants[variant]);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Comes_Back_Bit_For_Bit(string architecture, string variant)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(Variants[variant]);
        Bench.Disturb(adapter);
        using var folder = new TempFolder();
        AdapterFolder.Save(adapter, folder.Root, AdapterFormat.Peft);
        using var fresh = new Bench(architecture);
        Bits.AssertSame(
            bench.Logits(adapter), fresh.Logits(AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft)),
            "The output after saving and loading");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Draws_The_Same_For_The_Same_Seed(string architecture, string variant)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(Variants[variant]);
        Bench.Disturb(adapter);
        var first = bench.Loss(adapter, training: true, seed: 5);
        Bits.AssertSame(first, bench.Loss(adapter, training: true, seed: 5), "The loss of the same step");
        Bits.AssertSame(first, bench.Loss(adapter, training: true, seed: 5, checkpointing: true), "The loss of recomputed layers");
        Bits.AssertDiffers(first, bench.Loss(adapter, training: true, seed: 6), "Another seed");
    }

    private static System.Text.Json.JsonElement Json(string text) => System.Text.Json.JsonDocument.Parse(text).RootElement;
}
