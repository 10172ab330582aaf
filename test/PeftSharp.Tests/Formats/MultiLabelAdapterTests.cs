using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Formats;

/// <summary>Adapters of bases whose configuration says that any number of labels may hold at once.</summary>
public sealed class MultiLabelAdapterTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    // peft's files do not say it, and Python's own classes ask the base's configuration.
    [Fact]
    public void An_Adapter_Of_Another_Program_Answers_As_The_Bases_Configuration_Says()
    {
        var basis = Path.Combine(_folder.Root, "base");
        using (var bench = new Bench("bert", new ModelOptions { Task = TaskKind.MultiLabel }))
        {
            ModelWriter.Write(bench.Peft.Model, basis);
            var adapter = bench.Peft.Add(new LoraOptions { Rank = 2 });
            Bench.Disturb(adapter);
            AdapterFolder.Save(adapter, _folder.Root, PeftSharp.Methods.AdapterFormat.Peft);
        }
        WithoutCard(_folder.File("adapter_model.safetensors"));
        using var loaded = LoadedModel.Open(basis, _folder.Root);
        Assert.Equal(TaskKind.MultiLabel, loaded.Model.Model.Head.Kind);
        Assert.Equal(["no", "maybe", "yes"], loaded.Labels);
        var answer = new AnswerReader(loaded.Labels, loaded.Model.Model.Head.Kind).Read([1, -1, 0.5f]);
        Assert.Equal(["no", "yes"], answer.Labels);
        Assert.Equal(("no", 1 / (1 + Math.Exp(-1))), (answer.Label, answer.Probability));
    }

    [Fact]
    public void A_Row_Without_Any_Label_Has_No_Most_Probable_One()
    {
        var answer = new AnswerReader(["a", "b"], TaskKind.MultiLabel).Read([0, -2]);
        Assert.Null(answer.Label);
        Assert.True(double.IsNaN(answer.Probability));
        Assert.Empty(answer.Labels);
        Assert.Equal(0.5, answer.Probabilities[0].Value);
    }

    private static void WithoutCard(string path)
    {
        List<KeyValuePair<string, Tensor>> tensors;
        using (var file = SafetensorsFile.Open(path))
            tensors = [.. file.Tensors.Keys.Select(name => KeyValuePair.Create(name, file.Read(name).clone()))];
        SafetensorsWriter.Write(path, tensors, new Dictionary<string, string> { ["format"] = "pt" });
    }
}
