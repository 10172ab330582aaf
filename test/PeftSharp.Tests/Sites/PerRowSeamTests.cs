using PeftSharp.Models;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Sites;

/// <summary>Each seam by itself: what acts on some rows of a batch acts on them alone, and leaves no trace.</summary>
public sealed class PerRowSeamTests
{
    // Every kind of seam is among them; the matrix tries the others' through methods.
    private static readonly string[] Architectures = ["bert", "roberta", "distilbert", "gpt2", "llama"];

    public static TheoryData<string, string> Seams
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var architecture in Architectures)
                foreach (var seam in SeamPlugins.Names.Where(seam => Has(architecture, seam))) data.Add(architecture, seam);
            return data;
        }
    }

    // Many decoders' maps have no biases, and their norms no shifts.
    private static bool Has(string architecture, string seam) => seam switch
    {
        "projection bias" => TinyModels.Shapes(architecture).Projections.Any(p => p.Bias is not null),
        "norm shift" => TinyModels.Shapes(architecture).Norms.Any(n => n.Bias is not null),
        _ => true,
    };

    [Theory]
    [MemberData(nameof(Seams))]
    public void Rows_Of_A_Mixed_Batch_Equal_The_Rows_Alone(string architecture, string seam)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var nothing = new AdapterTag("nothing");
        nothing.NeedAllTokens();
        var plain = bench.Logits(AdapterSelection.Of(nothing));
        AdapterTag a = new("a"), b = new("b");
        var undo = SeamPlugins.Plug(seam, bench.Sites, a, 1).Concat(SeamPlugins.Plug(seam, bench.Sites, b, 2)).ToList();
        Assert.NotEmpty(undo);
        Bits.AssertDiffers(plain, bench.Logits(AdapterSelection.Of(a)), seam);
        Bits.AssertDiffers(bench.Logits(AdapterSelection.Of(b)), bench.Logits(AdapterSelection.Of(a)), $"{seam} with other values");
        foreach (var rows in (AdapterTag?[][])[[a, null, b, a], [null, null, b, null], [b, b, a, a]])
        {
            var mixed = bench.Logits(AdapterSelection.PerRow(rows));
            for (var row = 0; row < rows.Length; row++)
            {
                var alone = bench.Logits(rows[row] is { } tag ? AdapterSelection.Of(tag) : AdapterSelection.None, row);
                Bits.AssertClose(alone, mixed.narrow(0, row, 1), Rounding.Exact, $"Row {row} ({rows[row]?.Name ?? "none"})");
            }
        }
        foreach (var action in undo) action();
        Bits.AssertSame(plain, bench.Logits(AdapterSelection.Of(a)), "The output after everything was undone");
    }

    [Theory]
    [MemberData(nameof(Seams))]
    public void Gradients_Of_A_Mixed_Batch_Reach_Every_Adapter(string architecture, string seam)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        AdapterTag a = new("a"), b = new("b");
        var (left, right) = (new List<Tensor>(), new List<Tensor>());
        SeamPlugins.Plug(seam, bench.Sites, a, 1, left);
        SeamPlugins.Plug(seam, bench.Sites, b, 2, right);
        var mixed = AdapterSelection.PerRow([a, null, b, a]);
        bench.Peft.Model.Loss(bench.Batch, new ForwardContext { Selection = mixed }).Mean.Backpropagate();
        Assert.All(left.Concat(right), value => Assert.True(value.grad is { } gradient && gradient.count_nonzero().item<long>() > 0));
    }
}
