using PeftSharp.Formats;
using PeftSharp.Methods.Additive.Beft;
using PeftSharp.Methods.Additive.MultitaskPrompt;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Additive;

/// <summary>New biases, and prompts that tasks share.</summary>
public sealed class BeftTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Fact]
    public void A_Bias_Moves_The_Values_And_Nothing_Else()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(new BeftOptions());
        Assert.Equal(["value"], ((BeftOptions)adapter.Options).TargetModules!.Names!);
        Assert.Equal(2 * 32, adapter.Tensors.Where(t => !t.SavedModule).Sum(t => t.Value.numel()));
        var site = bench.Sites.Projections.First(p => p.Role == ProjectionRole.Value);
        var x = Initial.Normal([2, 3, 32], 1, 4);
        using var guard = no_grad();
        var bias = adapter.Tensors.First(t => t.Path == site.Path).Value.normal_();
        var context = new ForwardContext { Selection = AdapterSelection.Of(adapter.Tag) };
        Bits.AssertClose(site.Forward(x, new ForwardContext()) + bias, site.Forward(x, context), 1e-6, "The values");
    }

    [Fact]
    public void Maps_Without_A_Bias_Refuse_To_Merge()
    {
        using var bench = new Bench("llama");
        var adapter = bench.Add(new BeftOptions());
        bench.Train(adapter);
        Refusal.Of(bench, () => bench.Peft.Merge(adapter.Name), "v_proj", "has no bias");
    }

    // A prompt whose factors are all one is the shared one.
    [Fact]
    public void A_Task_Has_Its_Own_Factor()
    {
        using var bench = new Bench("bert");
        var options = new MultitaskPromptOptions { VirtualTokens = 4, Tasks = 3, Rank = 2, Task = 1 };
        var adapter = bench.Add(options);
        Bench.Disturb(adapter, 1);
        var plugin = (IInputPlugin)bench.Sites.Inputs[0].Plugins.Items.Single().Plugin;
        using var guard = no_grad();
        Tensor Of(string local) => adapter.Tensors.First(t => t.Local == local).Value;
        var expected = Of("embedding.weight") * matmul(Of("prefix_task_cols")[1], Of("prefix_task_rows")[1]);
        Bits.AssertClose(expected, plugin.Vectors(new ForwardContext()), 1e-6, "The prompt of task 1");
        AdapterFolder.Save(adapter, _folder.Root);
        using var fresh = new Bench("bert");
        var loaded = AdapterFolder.Open(_folder.Root).LoadInto(fresh.Peft);
        Assert.Equal(1, ((MultitaskPromptOptions)loaded.Options).Task);
        Bits.AssertSame(bench.Logits(adapter), fresh.Logits(loaded), "The output");
    }

    [Fact]
    public void What_Cannot_Be_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new MultitaskPromptOptions { Tasks = 2, Task = 2 }), "\"task\"", "2 tasks");
        Refusal.Of(
            bench, () => bench.Add(new MultitaskPromptOptions { Init = "EXACT_SOURCE_TASK" }), "prompt_tuning_init", "EXACT_SOURCE_TASK");
        Refusal.Of(bench, () => bench.Add(new MultitaskPromptOptions { Rank = 0 }), "num_ranks");
    }

    public void Dispose() => _folder.Dispose();
}
