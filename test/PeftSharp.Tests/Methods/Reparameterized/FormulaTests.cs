using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.C3a;
using PeftSharp.Methods.Reparameterized.GraLora;
using PeftSharp.Methods.Reparameterized.Hira;
using PeftSharp.Methods.Reparameterized.Miss;
using PeftSharp.Methods.Reparameterized.Road;
using PeftSharp.Methods.Reparameterized.Shira;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Reparameterized;

/// <summary>
/// Methods without reference cases: the merged weight, number by number, against the formula of peft's source written out in plain code.
/// </summary>
public sealed class FormulaTests
{
    private const string Map = "layer.1.intermediate.dense"; // 32 → 56

    [Fact]
    public void Hira_Multiplies_The_Weight() =>
        Check(new HiraOptions { Rank = 3, InitWeights = Json("false"), TargetModules = new([Map]) }, (own, weight, bias) =>
    {
        var (a, b) = (own["hira_A"], own["hira_B"]);
        return (Each(weight, (o, i) =>
        {
            var sum = 0.0;
            for (var r = 0; r < 3; r++) sum += b[o, r] * a[r, i];
            return weight[o, i] * (1 + sum);
        }), bias);
    });

    [Fact]
    public void GraLora_Deals_Ranks_Out() => Check(
        new GraLoraOptions { Rank = 4, Parts = 2, HybridRank = 1, Alpha = 7, InitWeights = false, TargetModules = new([Map]) },
        (own, weight, bias) =>
        {
            var (a, b, generalA, generalB) =
                (own["gralora_A"], own["gralora_B"], own["gralora_A_general.weight"], own["gralora_B_general.weight"]);
            return (Each(weight, (o, i) =>
            {
                var (from, to) = (i / 16, o / 28);
                var sum = generalB[o, 0] * generalA[0, i];
                // Part `to` of the output reads two ranks of part `from` of the input, at the place of that part.
                for (var r = 0; r < 2; r++) sum += a[from, i % 16, 2 * to + r] * b[to, 2 * from + r, o % 28];
                return weight[o, i] + 7.0 / 5 * sum;
            }), bias);
        });

    [Fact]
    public void Shira_Adds_At_Its_Places()
    {
        using var order = randperm(56 * 32, ScalarType.Int64, generator: new Generator(9));
        var places = order.data<long>().ToArray().Take(2 * (32 + 56)).Order().ToArray();
        Check(new ShiraOptions { Rank = 2, RandomSeed = 9, InitWeights = false, TargetModules = new([Map]) }, (own, weight, bias) =>
            (
                Each(
                    weight,
                    (o, i) => Array.IndexOf(places, o * 32 + i) is >= 0 and var at ? weight[o, i] + own["shira_weight"][at] : weight[o, i]),
                bias));
    }

    [Fact]
    public void C3a_Convolves() => Check(new C3aOptions { BlockSize = 8, TargetModules = new([Map]) }, (own, weight, bias) =>
    {
        // As peft computes it: transforms of the unit vectors and of the kernels.
        var kernel = tensor(own["c3a_kernel"].Flat, [7, 4, 8]);
        var unit = eye(32, dtype: ScalarType.Float64).reshape(32, 1, 4, 8);
        var products = (fft.ifft(unit) * fft.fft_(kernel).unsqueeze(0)).sum(2);
        var change = real(fft.fft_(products)).reshape(32, 56).t() / 32;
        return (Each(weight, (o, i) => weight[o, i] + change[o, i].item<double>()), bias);
    });

    [Theory]
    [InlineData("road_1")]
    [InlineData("road_2")]
    [InlineData("road_4")]
    public void Road_Turns_Pairs(string variant) => Check(
        new RoadOptions { Variant = variant, GroupSize = 8, InitWeights = false, TargetModules = new([Map]) }, (own, weight, bias) =>
        {
            var (theta, alpha) = (own["road_theta"], own["road_alpha"]);
            // What output o takes of itself and of its partner, the signs aside.
            (int Own, int Other) Index(int o) => variant switch
            {
                "road_1" => (o / 8 * 4 + o % 4, o / 8 * 4 + o % 4),
                "road_2" => (o, o),
                _ => (o / 8 * 16 + o % 8, o / 8 * 16 + 8 + o % 8),
            };
            double Turned(int o, Func<int, double> value)
            {
                var (straight, across) = Index(o);
                var partner = o % 8 < 4 ? o + 4 : o - 4;
                var sign = o % 8 < 4 ? -1 : 1;
                return alpha[straight] * Math.Cos(theta[straight]) * value(o)
                    + sign * alpha[across] * Math.Sin(theta[across]) * value(partner);
            }
            return (
                Each(weight, (o, i) => Turned(o, row => weight[row, i])),
                [.. Enumerable.Range(0, 56).Select(o => Turned(o, row => bias[row]))]);
        });

    [Theory]
    [InlineData("\"bat\"")]
    [InlineData("\"mini\"")]
    [InlineData("false")]
    public void Miss_Shares_Its_Block(string init) => Check(
        new MissOptions { Rank = init == "false" ? 5 : 8, MiniRank = 7, InitWeights = Json(init), TargetModules = new([Map]) },
        (own, weight, bias) =>
        {
            var block = own["miss_block"];
            return (Each(weight, (o, i) =>
            {
                if (init == "\"mini\"") return weight[o, i] + block[i % 8, o % 7];
                if (init == "false") return weight[o, i] + block[i % 5, o];
                var sum = block[o / 8, o % 8, i % 8];
                for (var k = 0; k < 8; k++) sum += weight[o, i / 8 * 8 + k] * block[o / 8, k, i % 8];
                return weight[o, i] + sum;
            }), bias);
        });

    private static void Check(
        MethodOptions options, Func<Dictionary<string, Numbers>, Numbers, double[], (double[] Weight, double[] Bias)> expected)
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = bench.Add(options);
        Bench.Disturb(adapter);
        var site = bench.Sites.Projections.Single(p => p.Path.EndsWith(Map, StringComparison.Ordinal));
        var own = adapter.Tensors.Where(t => t.Path == site.Path).ToDictionary(t => t.Local, t => new Numbers(t.Value.detach()));
        var result = expected(own, new Numbers(site.Weight.Value), new Numbers(site.Bias!.Value).Flat);
        bench.Peft.Merge(adapter.Name);
        var context = new ForwardContext();
        Bits.AssertClose(tensor(result.Weight, [56, 32]), site.Weight.Get(context).Dense(), Rounding.Exact, "The merged weight");
        Bits.AssertClose(tensor(result.Bias), site.Bias.Get(context), Rounding.Exact, "The merged bias");
    }

    private static double[] Each(Numbers weight, Func<int, int, double> number) =>
        [.. Enumerable.Range(0, weight.Flat.Length).Select(at => number(at / 32, at % 32))];

    private static System.Text.Json.JsonElement Json(string text) => System.Text.Json.JsonDocument.Parse(text).RootElement;

    /// <summary>A tensor's numbers in plain memory.</summary>
    private sealed class Numbers(Tensor tensor)
    {
        private readonly long[] _shape = tensor.shape;

        public double[] Flat { get; } = tensor.contiguous().data<double>().ToArray();

        public double this[params int[] index] =>
            Flat[index.Select((at, i) => (at, i)).Aggregate(0L, (place, next) => place * _shape[next.i] + next.at)];
    }
}
