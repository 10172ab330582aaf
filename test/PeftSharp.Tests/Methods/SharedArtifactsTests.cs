using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Partial.BitFit;
using PeftSharp.Methods.Reparameterized.Vera;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Life;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>What adapters of one model have together lies in memory once and goes with the last of them.</summary>
[Collection(nameof(CountingTensors))]
public sealed class SharedArtifactsTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("vera")]
    [InlineData("randlora")]
    [InlineData("lora-xs")]
    public void Frozen_Tensors_Of_Equal_Numbers_Lie_In_Memory_Once(string method)
    {
        using var bench = new Bench("bert");
        var first = bench.Add(method);
        var (tensors, bytes) = (first.Frozen.Count, bench.Peft.Shared.Bytes);
        Assert.Equal(first.Frozen.Sum(t => t.Value.numel() * t.Value.element_size()), bytes);
        Bench.Disturb(first);
        var alone = bench.Logits(first);

        var second = bench.Add(method, "second", seed: 12);
        Assert.All(first.Frozen.Zip(second.Frozen), pair => Assert.Same(pair.First.Value, pair.Second.Value));
        Assert.All(first.Frozen.Concat(second.Frozen), t => Assert.True(t.IsShared));
        Assert.Equal((tensors, bytes), (bench.Peft.Shared.Held.Count, bench.Peft.Shared.Bytes));

        bench.Peft.Remove("second");
        Assert.All(first.Frozen, t => Assert.False(t.IsShared));
        Bits.AssertSame(alone, bench.Logits(first), "The adapter that stays");
        bench.Peft.Remove("first");
        Assert.Empty(bench.Peft.Shared.Held);
    }

    [Fact]
    public void The_Last_Adapter_Releases_Them()
    {
        LiveTensors.OutsideScopes(() =>
        {
            using var model = new PeftModel(TinyModels.Create("bert"));
            void Visit()
            {
                foreach (var name in (string[])["a", "b", "c"]) model.Add(new VeraOptions { Rank = 5 }, name);
                foreach (var name in (string[])["b", "a", "c"]) model.Remove(name);
            }
            Visit(); // what is made once is made here
            LiveTensors.AssertNoneLeft(Visit);
        });
    }

    [Fact]
    public void Parts_Of_Unions_Share_Too_And_Others_Do_Not()
    {
        using var bench = new Bench("bert");
        var first = bench.Add(new VeraOptions { Rank = 5 });
        var other = bench.Add(new VeraOptions { Rank = 5, ProjectionKey = 3 }, "other");
        Assert.DoesNotContain(first.Frozen.Concat(other.Frozen), t => t.IsShared);
        var union = bench.Add(new UnionOptions { Parts = [new VeraOptions { Rank = 5 }, new BitFitOptions()] }, "union");
        Assert.All(first.Frozen.Zip(union.Frozen), pair => Assert.Same(pair.First.Value, pair.Second.Value));
        bench.Peft.Remove("first");
        Bench.Disturb(union);
        Assert.False(bench.Logits(union).isnan().any().item<bool>());
        bench.Peft.Remove("union");
        Assert.Equal(2, bench.Peft.Shared.Held.Count);
    }

    [Fact]
    public void What_A_File_Holds_Is_Shared_Where_It_Is_The_Same_And_Left_Alone_Where_It_Is_Not()
    {
        using var bench = new Bench("bert");
        var first = bench.Add(new VeraOptions { Rank = 5 });
        AdapterFolder.Save(first, _folder.Root);
        var read = AdapterFolder.Open(_folder.Root).LoadInto(bench.Peft, "read");
        Assert.All(first.Frozen.Zip(read.Frozen), pair => Assert.Same(pair.First.Value, pair.Second.Value));

        var before = first.Frozen.Select(t => t.Value.clone()).ToList();
        using var guard = no_grad();
        var saved = first.SavedTensors(AdapterFormat.Peft).ToDictionary(t => t.Key, t => t.Value.detach().mul(2));
        read.LoadTensors(saved, AdapterFormat.Peft, "doubled");
        Assert.DoesNotContain(first.Frozen.Concat(read.Frozen), t => t.IsShared);
        foreach (var (tensor, value) in first.Frozen.Zip(before)) Bits.AssertSame(value, tensor.Value, tensor.Name);
        foreach (var (tensor, value) in read.Frozen.Zip(before)) Bits.AssertSame(value.mul(2), tensor.Value, tensor.Name);
    }

    [Fact]
    public void A_Trained_Tensor_Is_Shared_By_Name_And_Gathers_The_Gradients_Of_All()
    {
        using var bench = new Bench("bert");
        var one = bench.Add(new PrototypeOptions { Artifact = "p" }, "one");
        var two = bench.Add(new PrototypeOptions { Artifact = "p" }, "two", seed: 12);
        var apart = bench.Add(new PrototypeOptions { Artifact = "q" }, "apart");
        Assert.Same(one.Tensors[0].Value, two.Tensors[0].Value);
        Assert.NotSame(one.Tensors[0].Value, apart.Tensors[0].Value);

        bench.Loss(one).Backpropagate();
        using var alone = one.Tensors[0].Value.grad!.clone();
        bench.Loss(two).Backpropagate();
        Bits.AssertClose(alone.mul(2), two.Tensors[0].Value.grad!, Rounding.Of(1), "The gradients of both");
        Assert.True(one.Tensors[0].IsShared);
        Assert.False(apart.Tensors[0].IsShared);

        var message = Assert.Throws<PeftException>(() => bench.Add(new PrototypeOptions { Artifact = "p", Size = 5 }, "wider")).Message;
        Assert.Contains("share \"p/", message, StringComparison.Ordinal);
        Assert.Equal(3, bench.Peft.Adapters.Count);
        bench.Peft.Remove("one");
        Assert.False(two.Tensors[0].IsShared);
        Assert.False(two.Tensors[0].Value.IsInvalid);
    }

    [Fact]
    public void A_Trained_Tensor_Of_A_File_Is_Shared_Where_The_Numbers_Agree()
    {
        using var bench = new Bench("bert");
        var one = bench.Add(new PrototypeOptions { Artifact = "p" }, "one");
        var file = one.SavedTensors(AdapterFormat.Peft).ToDictionary(t => t.Key, t => t.Value.detach().clone());
        PeftMethod Read(string name) => bench.Peft.AddSaved(
            new PrototypeOptions { Artifact = "p" }, name, null, 1 << 20, read => read.LoadTensors(file, AdapterFormat.Peft, "file"));
        Assert.Same(one.Tensors[0].Value, Read("same").Tensors[0].Value);
        using (no_grad()) one.Tensors[0].Value.add_(1);
        Assert.NotSame(one.Tensors[0].Value, Read("older").Tensors[0].Value);
    }

    public void Dispose() => _folder.Dispose();

    private sealed record PrototypeOptions : MethodOptions
    {
        public string Artifact { get; init; } = "";

        public int Size { get; init; } = 1;

        public override string PeftType => "PROTOTYPE";

        public override void Validate() { }

        public override PeftMethod Create(string name) => new Prototype(name, this);
    }

    private sealed class Prototype(string name, PrototypeOptions options) : PeftMethod(name)
    {
        public override MethodOptions Options => options;

        protected override void OnAttach(MethodHost host)
        {
            var site = host.Sites.Projections[0];
            var shared = AddShared(options.Artifact, site.Path, "prototype", [options.Size], () => zeros(options.Size));
            OnDetach(site.Weight.ReplaceTensor(Tag, (value, context) => value + shared.Get(context)));
        }
    }
}
