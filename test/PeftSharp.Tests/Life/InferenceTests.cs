using PeftSharp.Models;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Life;

/// <summary>An inference call keeps nothing but its result, whoever calls it from wherever.</summary>
[Collection(nameof(CountingTensors))]
public sealed class InferenceTests
{
    [Theory]
    [MemberData(nameof(MatrixCases.Two), MemberType = typeof(MatrixCases))]
    public void Outside_Any_Scope_Only_The_Result_Is_Left_And_Goes_With_The_Output(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        bench.Add(method);
        bench.Add(method, "second", 12);
        AdapterSelection[] selections =
            [AdapterSelection.None, bench.Peft.Select("first"), bench.Peft.SelectPerRow(["first", null, "second", "first"])];
        LiveTensors.OutsideScopes(() =>
        {
            foreach (var selection in selections)
                LiveTensors.Measure(since =>
                {
                    var output = bench.Peft.Forward(bench.Batch, selection);
                    Assert.False(output.Logits.requires_grad);
                    Assert.Equal(1, since());
                    output.Dispose();
                    output.Dispose();
                    Assert.Equal(0, since());
                    Assert.Equal(bench.Batch.Rows, bench.Batch.AttentionMask.shape[0]); // the batch stays the caller's
                });
        });
    }

    [Fact]
    public void The_Result_Belongs_To_The_Scope_That_Is_Open()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add("lora");
        LiveTensors.OutsideScopes(() => LiveTensors.Measure(since =>
        {
            using (NewDisposeScope())
            {
                var output = bench.Peft.Forward(bench.Batch, AdapterSelection.Of(adapter.Tag), allTokens: true);
                Assert.Equal(3, since());
                Assert.Equal([4L, 9, 32], output.Hidden!.shape);
            }
            Assert.Equal(0, since());
        }));
    }

    [Theory]
    [InlineData("bert", null)]
    [InlineData("llama", null)]
    [InlineData("bert", "int8")]
    [InlineData("llama", "nf4-double")]
    public void Compositions_And_Merging_Leave_Nothing_However_The_Base_Is_Kept(string architecture, string? form)
    {
        using var bench = new Bench(architecture, new ModelOptions { Quantize = form is null ? null : Quantization.Named(form) });
        foreach (var (method, name) in ((string, string)[])[("pfeiffer", "a"), ("pfeiffer", "b"), ("lora", "c")])
            Bench.Disturb(bench.Add(method, name));
        Bench.Disturb(bench.Peft.AddFusion(["a", "b"]));
        void Calls()
        {
            AdapterSelection[] selections =
            [
                bench.Peft.Select("stack(c,a)"), bench.Peft.Select("average(a:1,b:2,c:1)"), bench.Peft.Select("fuse(a,b)"),
                bench.Peft.SelectPerRow(["stack(c,fuse(a,b))", null, "average(a,c)", "split(b:2,a)"]),
            ];
            foreach (var selection in selections)
                using (bench.Peft.Forward(bench.Batch, selection))
                {
                }
            bench.Peft.Merge("c");
            using (bench.Peft.Forward(bench.Batch, bench.Peft.Select("fuse(a,b)")))
            {
            }
            bench.Peft.Unmerge();
        }
        LiveTensors.OutsideScopes(() =>
        {
            Calls(); // what is made once is made here
            LiveTensors.AssertNoneLeft(() =>
            {
                for (var i = 0; i < 5; i++) Calls();
            });
        });
    }

    [Fact]
    public void A_Call_That_Fails_Leaves_Nothing()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add("prompt");
        var undo = bench.Sites.Layers[1].Plugins.Add(adapter.Tag, new Failing());
        LiveTensors.OutsideScopes(() => LiveTensors.AssertNoneLeft(() =>
            Assert.Throws<InvalidOperationException>(() => bench.Peft.Forward(bench.Batch, AdapterSelection.Of(adapter.Tag)))));
        undo();
        using var output = bench.Peft.Forward(bench.Batch, AdapterSelection.Of(adapter.Tag));
    }

    [Fact]
    public void Gradients_Are_Had_From_The_Model_Itself_And_Leave_Nothing_Either()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add("lora");
        LiveTensors.OutsideScopes(() => LiveTensors.Measure(since =>
        {
            using (var output = bench.Peft.Model.Forward(bench.Batch, new ForwardContext { Selection = AdapterSelection.Of(adapter.Tag) }))
            {
                Assert.True(output.Logits.requires_grad);
                Assert.Equal(1, since());
            }
            Assert.Equal(0, since());
        }));
    }

    private sealed class Failing : ILayerPlugin
    {
        public Tensor Transform(Tensor hidden, ForwardContext context) => throw new InvalidOperationException("as planned");
    }
}
