using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Shira;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Reparameterized;

/// <summary>A few changed weights of each map, at places of their own.</summary>
public sealed class ShiraTests
{
    // peft writes places in the order in which it drew them.
    [Fact]
    public void Places_In_Any_Order_Are_Read()
    {
        using var scope = NewDisposeScope();
        using Bench bench = new("bert"), fresh = new("bert");
        var adapter = bench.Add(new ShiraOptions { Rank = 2, InitWeights = false });
        using var folder = new TempFolder();
        AdapterFolder.Save(adapter, folder.Root);
        var saved = adapter.SavedTensors(AdapterFormat.Peft).ToDictionary(t => t.Key, t => t.Value);
        var turned = saved.ToDictionary(t => t.Key, t => t.Value);
        foreach (var key in saved.Keys.Where(key => key.Contains(".shira_", StringComparison.Ordinal)))
            turned[key] = saved[key].flip(-1).contiguous();
        var maps = adapter.Tensors.Count(t => t.Local == ShiraMethod.Values);
        Assert.Equal(2 * maps, turned.Count(t => !ReferenceEquals(t.Value, saved[t.Key])));
        SafetensorsWriter.Write(folder.File("adapter_model.safetensors"), turned, new Dictionary<string, string> { ["format"] = "pt" });
        var loaded = AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft);
        Bits.AssertSame(bench.Logits(adapter), fresh.Logits(loaded), "The output of places in another order");
        bench.Loss(adapter).Backpropagate();
        fresh.Loss(loaded).Backpropagate();
        foreach (var (a, b) in adapter.Tensors.Zip(loaded.Tensors))
            Bits.AssertSame(a.Value.grad!, b.Value.grad!, $"The gradient of {a.Name}");
    }
}
