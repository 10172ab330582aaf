using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Models;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Results;
using PeftSharp.Tests.Matrix;
using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Files;

/// <summary>The collected files of strangers, each in its place: one sentence for each.</summary>
public sealed class SharedHostileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("not-an-object.json")]
    [InlineData("duplicate-key.json")]
    public void Configurations(string name)
    {
        Put("config", name, "config.json");
        Refusal.Sentence(() => ModelLoader.Load(_folder.Root));
    }

    [Fact]
    public void Tokenizers()
    {
        Put("tokenizer", "wrong-kind.json", "tokenizer.json");
        Refusal.Sentence(() => Tokenizer.Load(_folder.Root), "tokenizer.json");
    }

    [Fact]
    public void Proofs()
    {
        Put("proof", "wrong-kind.json", "peft_proof.json");
        Refusal.Sentence(() => AdapterProof.TryRead(_folder.Root), "peft_proof.json");
    }

    [Fact]
    public void Runs()
    {
        Put("run", "wrong-kind.json", "run.json");
        Refusal.Sentence(() => RunFile.TryRead(_folder.Root), "run.json", "surrogate");
    }

    public void Dispose() => _folder.Dispose();

    private void Put(string kind, string name, string target) =>
        File.Copy(TestPaths.RequireShared("hostile", kind, name), _folder.File(target));
}
