using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Additive.Lst;
using PeftSharp.Methods.Additive.Reft;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Sites;

/// <summary>Every activation by its name: its values, written out in plain numbers, and its spelling in settings.</summary>
public sealed class ActivationTests
{
    private static readonly double[] Points = [-30, -11, -6.5, -3, -1.2, -0.4, -0.01, 0, 0.01, 0.3, 0.9, 2.5, 5.9, 6.1, 12, 30];

    private static readonly Dictionary<string, Func<double, double>> Functions = new()
    {
        ["gelu"] = Gelu,
        ["gelu_python"] = Gelu,
        ["gelu_10"] = x => Math.Clamp(Gelu(x), -10, 10),
        ["gelu_new"] = GeluOfTanh,
        ["gelu_fast"] = GeluOfTanh,
        ["gelu_accurate"] = GeluOfTanh,
        ["gelu_pytorch_tanh"] = GeluOfTanh,
        ["quick_gelu"] = x => x / (1 + Math.Exp(-1.702 * x)),
        ["relu"] = x => Math.Max(x, 0),
        ["relu2"] = x => Math.Pow(Math.Max(x, 0), 2),
        ["relu6"] = x => Math.Clamp(x, 0, 6),
        ["silu"] = x => x / (1 + Math.Exp(-x)),
        ["swish"] = x => x / (1 + Math.Exp(-x)),
        ["mish"] = x => x * Math.Tanh(Math.Log(1 + Math.Exp(x))),
        ["tanh"] = Math.Tanh,
        ["sigmoid"] = x => 1 / (1 + Math.Exp(-x)),
        // transformers rounds √½ and 1/√4π to six digits.
        ["laplace"] = x => 0.5 * (1 + ErrorFunction((x - 0.707107) / (0.282095 * Math.Sqrt(2)))),
        ["leakyrelu"] = x => x < 0 ? 0.01 * x : x,
        ["leaky_relu"] = x => x < 0 ? 0.01 * x : x,
        ["linear"] = x => x,
    };

    [Fact]
    public void Each_Is_The_Function_Of_Its_Name()
    {
        Assert.Equal(Functions.Keys.Order(StringComparer.Ordinal), Activation.Names.Order(StringComparer.Ordinal));
        using var scope = NewDisposeScope();
        var x = tensor(Points);
        foreach (var (name, function) in Functions)
        {
            var values = Activation.Apply(name, x).data<double>().ToArray();
            for (var i = 0; i < Points.Length; i++)
                Assert.True(Math.Abs(values[i] - function(Points[i])) < 2e-6, $"{name} of {Points[i]} is {values[i]}");
        }
    }

    // AdapterHub takes its names in any letters.
    public static TheoryData<MethodOptions> Spelt =>
    [
        new BottleneckOptions { NonLinearity = "GELU" }, new LstOptions { NonLinearity = "GELU", ReductionFactor = 4 },
        new ReftOptions { NonLinearity = "GELU" },
    ];

    [Theory]
    [MemberData(nameof(Spelt))]
    public void A_Setting_May_Be_Written_In_Large_Letters(MethodOptions options)
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(options);
        Assert.True(bench.Logits(adapter).isfinite().all().item<bool>());
    }

    [Fact]
    public void An_Unknown_Name_Is_Refused_With_Those_That_Are_Known() => Assert.Contains(
        "known are gelu, ", Assert.Throws<PeftException>(() => Activation.Apply("gulu", ones(1))).Message);

    private static double Gelu(double x) => 0.5 * x * (1 + ErrorFunction(x / Math.Sqrt(2)));

    private static double GeluOfTanh(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

    // 2/√π · ∫₀ˣ e^(−t²) dt, by Simpson's rule; beyond 6 it is 1 to the last digit.
    private static double ErrorFunction(double x)
    {
        if (Math.Abs(x) > 6) return Math.Sign(x);
        const int Steps = 2000;
        var h = x / Steps;
        var sum = 1 + Math.Exp(-x * x);
        for (var i = 1; i < Steps; i++) sum += (i % 2 == 0 ? 2 : 4) * Math.Exp(-(i * h) * (i * h));
        return 2 / Math.Sqrt(Math.PI) * sum * h / 3;
    }
}
