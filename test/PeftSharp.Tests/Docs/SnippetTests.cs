using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Runs;

namespace PeftSharp.Tests.Docs;

/// <summary>
/// The documents' C# snippets, word for word, are compiled: they stand in a file of this folder. Those of the READMEs stand here.
/// </summary>
public sealed class SnippetTests
{
    [Theory]
    [InlineData("README.md", 3, "SnippetTests.cs")]
    [InlineData("README.ko.md", 3, "SnippetTests.cs")]
    [InlineData("docs/autotune.md", 1, "AutotuneSnippet.cs")]
    [InlineData("docs/csharp.md", 11, "CSharpSnippet.cs")]
    [InlineData("docs/compositions.md", 3, "CompositionSnippetTests.cs")]
    [InlineData("docs/data.md", 1, "DataSnippet.cs")]
    [InlineData("docs/estimates.md", 2, "EstimatesSnippet.cs")]
    [InlineData("docs/foreign-modules.md", 1, "ForeignSnippetTests.cs")]
    [InlineData("docs/generation.md", 2, "GenerationSnippet.cs")]
    [InlineData("docs/hub.md", 1, "HubSnippet.cs")]
    [InlineData("docs/instruct.md", 1, "GenerationSnippet.cs")]
    [InlineData("docs/joint.md", 2, "JointSnippet.cs")]
    [InlineData("docs/memory-and-threads.md", 3, "ThreadsSnippet.cs")]
    [InlineData("docs/resume.md", 1, "ResumeSnippet.cs")]
    [InlineData("docs/tokenizers.md", 2, "TokenizerSnippet.cs")]
    [InlineData("docs/trunk.md", 1, "TrunkSnippetTests.cs")]
    [InlineData("docs/outputs.md", 1, "OutputSnippet.cs")]
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
        var known = typeof(SnippetTests).GetMethod(nameof(Every_Snippet_Is_Compiled))!
            .GetCustomAttributes(typeof(InlineDataAttribute), false).Cast<InlineDataAttribute>().Select(d => (string)d.Data[0]!);
        var documents = Directory.GetFiles(TestPaths.RequireRepository("docs"), "*.md").Select(f => $"docs/{Path.GetFileName(f)}")
            .Append("CONTRIBUTING.md");
        Assert.All(documents.Except(known), document => Assert.Empty(Snippets(TestPaths.RequireRepository(document))));
    }

    /// <summary>Snippets that are whole programs: they are built and run as such.</summary>
    internal static IEnumerable<string> Programs(string file) => All(file).Where(IsProgram);

    private static List<string> Snippets(string file) => [.. All(file).Where(s => !IsProgram(s))];

    private static IEnumerable<string> All(string file) =>
        File.ReadAllText(file).Split("```csharp\n").Skip(1).Select(part => part.Split("```")[0]);

    private static bool IsProgram(string snippet) =>
        snippet.StartsWith("using ", StringComparison.Ordinal) && !snippet.StartsWith("using var ", StringComparison.Ordinal);

    // Where lines are broken is the document's business, and the source's.
    private static string Squeeze(string text) => string.Concat(text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    internal static void Learn()
    {
        using var run = FineTuning.Of("models/all-MiniLM-L6-v2").With(new LoraOptions { Rank = 8 }).On("support.csv").HoldOut(0.1)
            .To("adapters/support").Run();
        using var support = Predictor.Load("adapters/support");        // base, labels, tokenizer and pooling come with it
        Console.WriteLine(support.Predict("Where is my parcel?"));
    }

    internal static TorchSharp.torch.Tensor Serve(PeftModel model, TokenBatch batch)
    {
        AdapterFolder.Open("adapters/support").LoadInto(model, "support");
        AdapterFolder.Open("adapters/billing").LoadInto(model, "billing");
        using var output = model.Forward(batch, model.SelectPerRow(["support", "billing", null]));
        var answer = output.RowLogits(0);
        return answer;
    }

    internal static void Merge(PeftModel model)
    {
        model.Merge("support");
        ModelWriter.Write(model.Model, "merged-model");
        model.Unmerge();
    }
}
