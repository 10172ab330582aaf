using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Vera;
using PeftSharp.Runs.Conformance;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>Projections that every layer shares and that nothing trains.</summary>
public sealed class VeraTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("bert-vera")]
    [InlineData("llama-vera")]
    public void Projections_Are_Drawn_As_Peft_Draws_Them(string @case)
    {
        using var reference = new ConformanceCase(TestPaths.Fixture("cases", @case));
        var options = (VeraOptions)reference.Options;
        using var drawn = new PeftModel(reference.LoadModel());
        using var loaded = new PeftModel(reference.LoadModel());
        foreach (var (made, read) in drawn.Add(options).Frozen.Zip(reference.Adapter!.LoadInto(loaded).Frozen))
            Bits.AssertSame(read.Value, made.Value, made.Name);
    }

    [Fact]
    public void They_Are_Shared_Frozen_And_Counted_By_Nobody()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(new VeraOptions { Rank = 5 });
        Assert.Equal(["vera_A", "vera_B"], adapter.Frozen.Select(t => t.Name));
        Assert.All(adapter.Frozen, t => Assert.False(t.Value.requires_grad));
        Assert.DoesNotContain(adapter.Tensors, t => t.Role == TensorRole.Frozen);
        Assert.Equal(adapter.Tensors.Sum(t => t.Value.numel()), adapter.TrainedWeights);
        var before = adapter.Frozen.Select(t => t.Value.clone()).ToList();
        bench.Train(adapter);
        foreach (var (tensor, value) in adapter.Frozen.Zip(before)) Bits.AssertSame(value, tensor.Value, tensor.Name);
    }

    [Fact]
    public void Without_Saved_Projections_They_Are_Drawn_Again_From_Their_Seed()
    {
        using var bench = new Bench("llama");
        var adapter = bench.Add(
            new VeraOptions { Rank = 5, SaveProjection = false, ProjectionKey = 41, TargetModules = new("all-linear") });
        bench.Train(adapter);
        AdapterFolder.Save(adapter, _folder.Root);
        using var file = PeftSharp.Files.SafetensorsFile.Open(AdapterFolder.Open(_folder.Root).WeightsFile);
        Assert.DoesNotContain("base_model.vera_A", file.Tensors.Keys);
        Assert.DoesNotContain("base_model.vera_B", file.Tensors.Keys);
        using var other = new Bench("llama");
        var read = AdapterFolder.Open(_folder.Root).LoadInto(other.Peft);
        Bits.AssertSame(bench.Logits(adapter), other.Logits(read), "The output of the adapter that was read");
    }

    [Fact]
    public void A_File_That_Should_Hold_Them_And_Does_Not_Is_Refused()
    {
        using var bench = new Bench("bert");
        AdapterFolder.Save(bench.Add(
            new VeraOptions { Rank = 5, SaveProjection = false }), _folder.Root);
        var config = _folder.File("adapter_config.json");
        var text = File.ReadAllText(config);
        File.WriteAllText(config, text.Replace("\"save_projection\": false", "\"save_projection\": true", StringComparison.Ordinal));
        using var other = new Bench("bert");
        var message = Assert.Throws<PeftException>(() => AdapterFolder.Open(_folder.Root).LoadInto(other.Peft)).Message;
        Assert.Contains("\"base_model.vera_A\" is missing", message, StringComparison.Ordinal);
        Assert.Equal(0, other.Plugins);
    }

    [Fact]
    public void They_Go_With_The_Adapter()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(MethodRegistry.Options("vera"));
        adapter.Detach();
        Assert.Empty(adapter.Frozen);
        Assert.Equal(0, bench.Plugins);
    }

    [Theory]
    [InlineData("r", 0)]
    [InlineData("projection_prng_key", -1)]
    public void Bad_Settings_Are_Named(string field, int value)
    {
        var options = field == "r" ? new VeraOptions { Rank = value } : new VeraOptions { ProjectionKey = value };
        Assert.Contains($"\"{field}\" is {value}", Assert.Throws<PeftException>(options.Validate).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
