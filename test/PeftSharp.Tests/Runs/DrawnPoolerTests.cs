using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Tests.Cli;
using PeftSharp.Training;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Runs;

/// <summary>A base without a pooler: whatever the method and the layout, what was drawn comes back with the adapter.</summary>
public sealed class DrawnPoolerTests : IDisposable
{
    private readonly CliFolder _folder = new();
    private readonly string _base;

    public DrawnPoolerTests()
    {
        _base = Directory.CreateDirectory(_folder.File_("no-pooler")).FullName;
        foreach (var name in (string[])["config.json", "vocab.txt"])
            File.Copy(Path.Combine(_folder.Model, name), Path.Combine(_base, name));
        using var file = SafetensorsFile.Open(Path.Combine(_folder.Model, "model.safetensors"));
        SafetensorsWriter.Write(
            Path.Combine(_base, "model.safetensors"),
            file.Tensors.Keys.Where(k => !k.Contains("pooler", StringComparison.Ordinal))
                .Select(k => KeyValuePair.Create(k, file.Read(k))));
    }

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, AdapterFormat> Cases()
    {
        var cases = new TheoryData<string, AdapterFormat>();
        foreach (var name in (string[])["lora", "prefix", "prompt", "bitfit", "head", "full"]) cases.Add(name, AdapterFormat.Peft);
        foreach (var name in (string[])["houlsby", "mam", "unipelt"]) cases.Add(name, AdapterFormat.AdapterHub);
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void It_comes_back_with_the_adapter(string method, AdapterFormat format)
    {
        PeftModel Model(ulong seed) =>
            new(ModelLoader.Load(_base, new() { Task = TaskKind.Classification, Labels = ["negative", "positive"], Seed = seed }));
        var model = Model(1);
        Assert.Contains("pooler", model.Model.SavedModules);
        var adapter = model.Add(MethodRegistry.Options(method));
        var rows = TokenizedDataset.Create(
            TextDataset.Load(_folder.Train), new TokenizerTextEncoder(PeftSharp.Tokenization.Tokenizer.Load(_base)), 24);
        using (
            var trainer = new Trainer(
                new TrainableAdapter(model, adapter), new PlannedBatches(rows, new BatchPlan(rows.Lengths, 16, BatchOrder.Shuffled, 1)),
                new TrainerOptions { MaxSteps = 2 }))
            trainer.Run();
        var saved = _folder.File_(method);
        AdapterFolder.Save(adapter, saved, format);

        var fresh = Model(2);
        var loaded = AdapterFolder.Open(saved).LoadInto(fresh);
        using var batch = rows.CreateBatch([0, 1, 2, 3]);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var (before, after) =
            (model.Forward(batch, model.Select(adapter.Name)).Logits, fresh.Forward(batch, fresh.Select(loaded.Name)).Logits);
        Assert.True(before.bytes.SequenceEqual(after.bytes));
    }

    [Fact]
    public void An_adapter_of_one_pooling_is_not_loaded_into_a_model_of_another()
    {
        PeftModel Model(Pooling pooling) => new(
            ModelLoader.Load(
                _folder.Model, new() { Task = TaskKind.Classification, Labels = ["negative", "positive"], Pooling = pooling }));
        var model = Model(Pooling.Mean);
        AdapterFolder.Save(model.Add(MethodRegistry.Options("lora")), _folder.File_("of-mean"));
        AdapterFolder.Open(_folder.File_("of-mean")).LoadInto(Model(Pooling.Mean));
        Assert.Contains(
            "trained with Mean pooling",
            Assert.Throws<PeftException>(() => AdapterFolder.Open(_folder.File_("of-mean")).LoadInto(Model(Pooling.Pooler))).Message);
    }
}
