using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs.Proof;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;

namespace PeftSharp.Tests.Runs.Proof;

/// <summary>A tiny base in a folder, an adapter trained on it in another, and the adapter's proof.</summary>
internal sealed class ProvedAdapter : IDisposable
{
    private readonly TempFolder _base = new(), _adapter = new();

    public ProvedAdapter(string architecture, string method, AdapterFormat? format = null)
    {
        ModelWriter.Write(TinyModels.Create(architecture), Base);
        using var bench = new Bench(architecture);
        var adapter = bench.Add(method);
        bench.Train(adapter);
        AdapterFolder.Save(adapter, Adapter, format ?? adapter.Options.Format);
        Proof = AdapterProof.Create(bench.Peft, adapter, Base, AdapterFolder.Open(Adapter), null);
        Proof.Write(Adapter);
    }

    public string Base => _base.Root;

    public string Adapter => _adapter.Root;

    /// <summary>As it was made; <see cref="AdapterProof.TryRead"/> gives it as it was written.</summary>
    public AdapterProof Proof { get; }

    public List<ProofCheck> Quick(string? basis = null) =>
        [.. new ProofVerifier(AdapterProof.TryRead(Adapter)!, Adapter, basis ?? Base).Quick(null)];

    /// <summary>All checks, with the adapter loaded into a fresh base.</summary>
    public List<ProofCheck> All(string? basis = null, ModelOptions? options = null)
    {
        var verifier = new ProofVerifier(AdapterProof.TryRead(Adapter)!, Adapter, basis ?? Base);
        var task = TinyModels.TaskOf(ModelConfig.Read(basis ?? Base).ModelType);
        var loading = (options ?? new()) with { Task = task, Labels = task == TaskKind.Classification ? ["no", "maybe", "yes"] : null };
        var model = new PeftModel(ModelLoader.Load(basis ?? Base, loading));
        var adapter = AdapterFolder.Open(Adapter).LoadInto(model);
        return [.. verifier.Quick(null), .. verifier.Content(), .. verifier.Probes(model, AdapterSelection.Of(adapter.Tag), null)];
    }

    /// <summary>The only check that did not pass; its sentence holds each of the given parts.</summary>
    public static ProofCheck Single(IEnumerable<ProofCheck> checks, CheckResult result, params string[] parts)
    {
        var check = Assert.Single(checks, c => c.Result != CheckResult.Pass);
        Assert.Equal(result, check.Result);
        Assert.DoesNotContain("\n", check.Sentence);
        Assert.EndsWith(".", check.Sentence);
        foreach (var part in parts) Assert.Contains(part, check.Sentence);
        return check;
    }

    public void Dispose()
    {
        _base.Dispose();
        _adapter.Dispose();
    }
}
