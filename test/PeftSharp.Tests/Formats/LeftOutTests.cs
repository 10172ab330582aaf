using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Formats;

/// <summary>What an adapter's file may leave out, and what it may hold besides.</summary>
public sealed class LeftOutTests : IDisposable
{
    private const string Config = "adapter_config.json",
        Weights = "adapter_model.safetensors", Words = "base_model.model.bert.embeddings.word_embeddings";

    private readonly TempFolder _folder = new();
    private readonly Bench _bench = new("bert"), _fresh = new("bert");
    private readonly DisposeScope _scope = NewDisposeScope();

    [Fact]
    public void A_Head_That_Is_The_Bases_Own_May_Be_Left_Out()
    {
        PeftModel first = new(ModelLoader.Load(TestPaths.Fixture("models", "bert"))),
        second = new(ModelLoader.Load(TestPaths.Fixture("models", "bert")));
        AdapterFolder.Save(first.Add(MethodRegistry.Options("lora")), _folder.Root, AdapterFormat.Peft);
        Edit(json => json["modules_to_save"] = null, name => !name.Contains("classifier", StringComparison.Ordinal));
        var loaded = AdapterFolder.Open(_folder.Root).LoadInto(second);
        var classifier = first.Model.Sites.Slots.Single(s => s.Name == "classifier.weight");
        Bits.AssertSame(classifier.Value, loaded.Tensors.Single(t => t.Name == "classifier.weight").Value, "The head");
    }

    [Theory]
    [InlineData("classifier")]
    [InlineData("classifier.bias")]
    public void One_That_The_Settings_Name_May_Not(string missing)
    {
        Saved();
        Edit(_ => { }, name => !name.Contains(missing, StringComparison.Ordinal));
        Refusal.Of(_fresh, () => AdapterFolder.Open(_folder.Root).LoadInto(_fresh.Peft), "is missing");
    }

    [Fact]
    public void Half_A_Head_Is_Damage()
    {
        Saved();
        Edit(json => json["modules_to_save"] = null, name => name != "base_model.model.classifier.bias");
        Refusal.Of(_fresh, () => AdapterFolder.Open(_folder.Root).LoadInto(_fresh.Peft), "is missing");
    }

    [Theory]
    [InlineData(AdapterFormat.Peft)]
    [InlineData(AdapterFormat.AdapterHub)]
    public void A_Head_That_Was_Drawn_At_Random_Stands_In_For_None(AdapterFormat format)
    {
        Saved(format);
        File.Delete(_folder.File("model_head.safetensors"));
        File.Delete(_folder.File("head_config.json"));
        if (format == AdapterFormat.Peft)
            Edit(json => json["modules_to_save"] = null, name => !name.Contains("classifier", StringComparison.Ordinal));
        var drawn = new PeftModel(
            ModelLoader.Load(
                TestPaths.Fixture("models", "bert"), new ModelOptions { Task = TaskKind.Classification, Labels = ["a", "b", "c", "d"] }));
        Refusal.Sentence(() => AdapterFolder.Open(_folder.Root).LoadInto(drawn), "head");
        Assert.Empty(drawn.Adapters);
    }

    [Theory]
    [InlineData(".weight")]
    [InlineData(".base_layer.weight")]
    public void Embeddings_That_Did_Not_Change_Say_Nothing(string end)
    {
        var adapter = Saved();
        Edit(_ => { }, _ => true, KeyValuePair.Create(Words + end, Table().clone()));
        var loaded = AdapterFolder.Open(_folder.Root).LoadInto(_fresh.Peft);
        Bits.AssertSame(_bench.Logits(adapter), _fresh.Logits(loaded), "The output");
        Assert.Equal(adapter.Tensors.Count, loaded.Tensors.Count);
    }

    [Theory]
    [InlineData(".weight")]
    [InlineData(".base_layer.weight")]
    public void Embeddings_That_Changed_Count_And_Are_Saved_Again(string end)
    {
        Saved();
        using var other = Table().mul(0.5);
        Edit(_ => { }, _ => true, KeyValuePair.Create(Words + end, other));
        var loaded = AdapterFolder.Open(_folder.Root).LoadInto(_fresh.Peft);
        Bits.AssertDiffers(_bench.Logits(_bench.Peft["first"]), _fresh.Logits(loaded), "The table");
        using var again = new TempFolder();
        AdapterFolder.Save(loaded, again.Root, AdapterFormat.Peft);
        using var third = new Bench("bert");
        Bits.AssertSame(_fresh.Logits(loaded), third.Logits(AdapterFolder.Open(again.Root).LoadInto(third.Peft)), "The output");
    }

    [Fact]
    public void Embeddings_Of_A_Vocabulary_That_Grew_Are_Refused()
    {
        Saved();
        using var grown = cat([Table(), zeros(2, Table().shape[1])]);
        Edit(_ => { }, _ => true, KeyValuePair.Create(Words + ".weight", grown));
        Refusal.Of(_fresh, () => AdapterFolder.Open(_folder.Root).LoadInto(_fresh.Peft), "rows", "tokens were added");
    }

    [Fact]
    public void Settings_May_Be_As_Short_As_Peft_Takes_Them()
    {
        var adapter = Saved();
        Edit(json =>
        {
            foreach (var name in json.Select(p => p.Key).Except(["peft_type", "r", "target_modules", "modules_to_save"]).ToList())
                json.Remove(name);
        }, _ => true);
        Bits.AssertSame(_bench.Logits(adapter), _fresh.Logits(AdapterFolder.Open(_folder.Root).LoadInto(_fresh.Peft)), "The output");
    }

    public void Dispose()
    {
        _scope.Dispose();
        _bench.Dispose();
        _fresh.Dispose();
        _folder.Dispose();
    }

    private Tensor Table() => _bench.Sites.Embeddings[0].Table.Base;

    private PeftMethod Saved(AdapterFormat format = AdapterFormat.Peft)
    {
        var adapter = _bench.Add("lora");
        _bench.Train(adapter);
        AdapterFolder.Save(adapter, _folder.Root, format);
        return adapter;
    }

    private void Edit(Action<JsonObject> change, Func<string, bool> keep, params KeyValuePair<string, Tensor>[] more)
    {
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(_folder.File(Config)))!;
        if (json["target_modules"] is null) json["target_modules"] = new JsonArray("query", "value");
        change(json);
        File.WriteAllText(_folder.File(Config), json.ToJsonString());
        List<KeyValuePair<string, Tensor>> tensors;
        using (var file = SafetensorsFile.Open(_folder.File(Weights)))
            tensors = [.. file.Tensors.Keys.Where(keep).Select(name => KeyValuePair.Create(name, file.Read(name).clone())), .. more];
        SafetensorsWriter.Write(_folder.File(Weights), tensors);
    }
}
