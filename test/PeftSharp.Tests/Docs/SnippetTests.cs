using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Tokenization;
using PeftSharp.Training;

namespace PeftSharp.Tests.Docs;

/// <summary>The documents' C# snippets, word for word, are compiled: they stand in a file of this folder. Those of the READMEs stand here.</summary>
public sealed class SnippetTests
{
    [Theory]
    [InlineData("README.md", 3, "SnippetTests.cs")]
    [InlineData("README.ko.md", 3, "SnippetTests.cs")]
    [InlineData("docs/data.md", 1, "DataSnippet.cs")]
    [InlineData("docs/estimates.md", 1, "EstimatesSnippet.cs")]
    [InlineData("docs/hub.md", 1, "HubSnippet.cs")]
    [InlineData("docs/resume.md", 1, "ResumeSnippet.cs")]
    [InlineData("docs/trunk.md", 1, "TrunkSnippetTests.cs")]
    [InlineData("docs/verify.md", 1, "VerifySnippet.cs")]
    public void Every_Snippet_Is_Compiled(string document, int count, string source)
    {
        var code = Squeeze(File.ReadAllText(TestPaths.RequireRepository("test", "PeftSharp.Tests", "Docs", source)));
        var snippets = Snippets(TestPaths.RequireRepository(document));
        Assert.Equal(count, snippets.Count);
        Assert.All(snippets, snippet => Assert.Contains(Squeeze(snippet), code));
    }

    [Fact]
    public void No_Document_Has_Others()
    {
        var known = typeof(SnippetTests).GetMethod(nameof(Every_Snippet_Is_Compiled))!.GetCustomAttributes(typeof(InlineDataAttribute), false).Cast<InlineDataAttribute>().Select(d => (string)d.Data[0]!);
        var documents = Directory.GetFiles(TestPaths.RequireRepository("docs"), "*.md").Select(f => $"docs/{Path.GetFileName(f)}").Append("CONTRIBUTING.md");
        Assert.All(documents.Except(known), document => Assert.Empty(Snippets(TestPaths.RequireRepository(document))));
    }

    private static List<string> Snippets(string file) => [.. File.ReadAllText(file).Split("```csharp\n").Skip(1).Select(part => part.Split("```")[0])];

    private static string Squeeze(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    internal static PeftModel Train(string folder)
    {
        var model = new PeftModel(ModelLoader.Load(folder, new ModelOptions { Task = TaskKind.Classification, Labels = ["negative", "positive"] }));
        var adapter = model.Add(new LoraOptions { Rank = 8, Alpha = 16, Dropout = 0.1 });
        var encoder = new TokenizerTextEncoder(Tokenizer.Load(folder));
        var rows = TokenizedDataset.Create(TextDataset.Load("train.tsv"), encoder, maxLength: 128);
        var batches = new PlannedBatches(rows, new BatchPlan(rows.Lengths, batchSize: 32, BatchOrder.Bucketed, seed: 42));
        using var trainer = new Trainer(new TrainableAdapter(model, adapter), batches, new TrainerOptions { LearningRate = 5e-4, Epochs = 3 });
        trainer.Run();
        AdapterFolder.Save(adapter, "my-adapter", AdapterFormat.Peft);
        return model;
    }

    internal static TorchSharp.torch.Tensor Serve(PeftModel model, TokenBatch batch)
    {
        AdapterFolder.Open("adapters/support").LoadInto(model, "support");
        AdapterFolder.Open("adapters/billing").LoadInto(model, "billing");
        var logits = model.Forward(batch, model.SelectPerRow(["support", "billing", null])).Logits;
        return logits;
    }

    internal static void Merge(PeftModel model)
    {
        model.Merge("support");
        ModelWriter.Write(model.Model, "merged-model");
        model.Unmerge();
    }
}
