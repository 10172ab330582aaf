using PeftSharp.Composition.Foreign;
using PeftSharp.Formats;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Tests.Files;
using TorchSharp;
using TorchSharp.Modules;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippet of docs/foreign-modules.md, run.</summary>
public sealed class ForeignSnippetTests
{
    private sealed class Classifier : torch.nn.Module<torch.Tensor, torch.Tensor>
    {
        private readonly Linear wide = torch.nn.Linear(4, 8);
        private readonly Linear narrow = torch.nn.Linear(8, 2);

        public Classifier() : base(nameof(Classifier)) => RegisterComponents();

        public override torch.Tensor forward(torch.Tensor x) => narrow.call(torch.nn.functional.gelu(wide.call(x)));
    }

    [Fact]
    public void It_Learns_And_Merges()
    {
        using var folder = new TempFolder();
        torch.random.manual_seed(3);
        using var inputs = torch.randn(16, 4);
        using var labels = inputs.select(1, 0).gt(0).to(torch.ScalarType.Int64);
        var (learnt, merged) = Snippet(inputs, labels, folder.File("my-lora"));
        Assert.True(File.Exists(Path.Combine(folder.File("my-lora"), "adapter_model.safetensors")));
        Assert.InRange((learnt - merged).abs().max().item<float>(), 0, 1e-5f);
        using var right = learnt.argmax(1).eq(labels).sum();
        Assert.InRange(right.item<long>(), 14, 16);
        learnt.Dispose();
        merged.Dispose();
    }

    /// <summary>Writes where the test can look, not beside the program.</summary>
    private static class AdapterFolder
    {
        public static string Root { get; set; } = "";

        public static void Save(PeftSharp.Methods.PeftMethod adapter, string name) =>
            PeftSharp.Formats.AdapterFolder.Save(adapter, Path.Combine(Path.GetDirectoryName(Root)!, name));
    }

    private static (torch.Tensor Learnt, torch.Tensor Merged) Snippet(torch.Tensor inputs, torch.Tensor labels, string folder)
    {
        AdapterFolder.Root = folder;
        using var network = new Classifier();                                   // a module of yours, trained or loaded as ever
        var adapter = network.AddAdapter(new LoraOptions { Rank = 4, TargetModules = new(["wide", "narrow"]) });
        using var optimizer = torch.optim.AdamW(network.Adapted().Parameters("default"), lr: 1e-2);
        for (var step = 0; step < 20; step++)
        {
            using var scope = torch.NewDisposeScope();
            optimizer.zero_grad();
            torch.nn.functional.cross_entropy(network.call(inputs), labels).backward();   // call, not forward: hooks see calls alone
            optimizer.step();
        }
        AdapterFolder.Save(adapter, "my-lora");                                 // adapter_config.json and adapter_model.safetensors
        network.Adapted().Merge("default"); // into the network's own parameters; Unmerge gives them back bit for bit

        using var guard = torch.no_grad();
        var merged = network.call(inputs);
        network.Adapted().Unmerge();
        return (network.call(inputs), merged);
    }
}
