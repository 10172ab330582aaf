using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Formats;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Training;
using PeftSharp.Weights;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft verify</c>: an adapter, or a merged model, beside its proof.</summary>
internal static class VerifyVerb
{
    public static void Build(Command command)
    {
        var folder = new Argument<string>("folder")
        {
            Description = "An adapter that this program trained, a fusion with its adapters, or a model that it merged.",
            HelpName = "FOLDER",
        };
        var (basis, revision, json) = (VerbParts.Base(), VerbParts.Revision(), VerbParts.Json());
        basis.Description =
            "The base model that the adapter is to be used on; a merged model needs none. Default: the one that the adapter names.";
        var compute = VerbParts.Text(
            "--compute", "MODE", "Precision of frozen weights: fp32, bf16, or auto; the wider tolerance of bf16 is shown. Default: fp32.");
        var write = new Option<bool>("--write")
        {
            Description = "Write the proof of an adapter that has none, or anew: its files and this base are taken for right.",
        };
        command.Add(folder);
        foreach (var option in (Option[])[basis, revision, compute, write, json]) command.Add(option);
        HelpWithExamples.Add(command,
            "verify runs/sst2 --base models/bert-base",
            "verify runs/sst2 --base models/bert-base --compute bf16 --json",
            "verify merged",
            "verify adapters/from-python --base models/bert-base --write");
        VerbParts.Run(command, parsed =>
        {
            var mode = ComputeModes.Parse(parsed.GetValue(compute) ?? "fp32", "--compute");
            var text = parsed.GetValue(folder)!;
            if (ComposedFolders.TryRead(text) is not null)
                return Fusion(text, parsed.GetValue(basis), parsed.GetValue(revision), mode, parsed.GetValue(write), parsed.GetValue(json));
            var given = Folders.Find("verify", folders => folders.Any(text));
            if (!Directory.Exists(given.Folder))
                throw new PeftException(
                    File.Exists(given.Folder)
                        ? $"{given.Folder} is a file; give the folder of an adapter, or of a merged model."
                        : $"The folder {given.Folder} does not exist; give an adapter, or a merged model.");
            var own = !AdapterFolder.Is(given.Folder) ? given.Folder
                : parsed.GetValue(basis) is { Length: > 0 } named ? Folders
                    .Find("verify", folders => folders.Base(named, parsed.GetValue(revision))).Folder
                : Folders.Find("verify", folders => folders.BaseOf(given, parsed.GetValue(revision))).Folder;
            ModelLoader.RequireFolder(own);
            return parsed.GetValue(write)
                ? Write(given.Folder, own, parsed.GetValue(json))
                : Verify(given.Folder, own, mode, parsed.GetValue(json));
        });
    }

    // A fusion answers with its adapters: the proof lies in its own folder, and the whole is asked.
    private static int Fusion(string given, string? named, string? revision, string compute, bool write, bool json)
    {
        var adapters = Folders.Find("verify", folders => folders.Adapters(given));
        var fusion = ComposedFolders.TryRead(adapters.Folder)!.Answering;
        if (!AdapterFolder.IsFusion(fusion))
            throw new UsageException($"{given} is several adapters, each with a proof of its own; verify them one by one.");
        var basis = Folders.Find(
            "verify", folders => named is { Length: > 0 } ? folders.Base(named, revision) : folders.BaseOf(adapters, revision)).Folder;
        ModelLoader.RequireFolder(basis);
        return write ? Write(fusion, basis, json, adapters.Folder) : Verify(fusion, basis, compute, json, adapters.Folder);
    }

    private static int Write(string folder, string basis, bool json, string? adapters = null)
    {
        if (!AdapterFolder.Is(folder))
            throw new UsageException(
                $"--write makes the proof of an adapter, and {folder} is none; the proof of a merged model is written by peft merge.");
        var proof = ProofWriter.Write(ModelOpener.Open(basis, adapters ?? folder, proof: ProofUse.Skip), folder);
        var file = Path.Combine(folder, AdapterProof.FileName);
        OutputFolder.Vouch(folder, AdapterProof.FileName);
        // A fusion's folder lies in that of the result that the mark speaks of.
        if (adapters is not null && Path.GetDirectoryName(Path.GetFullPath(folder)) is { } whole)
            OutputFolder.Vouch(whole, $"{Path.GetFileName(folder)}/{AdapterProof.FileName}");
        if (json)
            JsonOut.Write(
                new JsonObject { ["written"] = file, ["probes"] = proof.Probes.Count, ["precision"] = proof.Precision.ToString() });
        else Console.Out.WriteLine($"{file}: {proof.Probes.Count} probes answered in {proof.Precision}");
        return ExitCode.Success;
    }

    private static int Verify(string folder, string basis, string compute, bool json, string? adapters = null)
    {
        var proof = AdapterProof.TryRead(folder) ?? throw new PeftException(
            $"{folder} has no {AdapterProof.FileName}: other tools write none; to have one from now on, run peft verify {folder} --base "
            + "FOLDER --write.");
        var tokenizer = new Lazy<Tokenization.Tokenizer?>(
            () => LoadedModel.TokenizerOf(basis, null) ?? LoadedModel.TokenizerOf(folder, null));
        var verifier = new ProofVerifier(proof, folder, basis);
        List<ProofCheck> checks = [.. verifier.Quick(tokenizer.Value)];
        if (checks.TrueForAll(c => c.Result != CheckResult.Fail))
            checks.AddRange(verifier.Content().Where(c => checks.TrueForAll(done => done.Name != c.Name)));
        checks.AddRange(Answers(verifier, proof, adapters ?? folder, basis, compute));
        if (json) JsonOut.Write(Document(folder, basis, proof, checks));
        else Print(proof, checks);
        return checks.TrueForAll(c => c.Result != CheckResult.Fail) ? ExitCode.Success : ExitCode.Failure;
    }

    // A base of another shape cannot even be asked: that is one more check that failed.
    private static List<ProofCheck> Answers(ProofVerifier verifier, AdapterProof proof, string folder, string basis, string compute)
    {
        try
        {
            var use = ComputeModes.Choose(compute);
            var loaded = ModelOpener.Open(
                basis, proof.Adapter is null ? null : folder, new LoadOptions { Compute = use.Type }, proof: ProofUse.Skip);
            List<ProofCheck> checks = [.. verifier.Probes(loaded.Model, loaded.Selection, loaded.Tokenizer())];
            if (checks.TrueForAll(c => c.Result != CheckResult.Fail) && MergedAnswers(verifier, loaded) is { } merged) checks.Add(merged);
            return checks;
        }
        catch (PeftException e)
        {
            return [new("probes, answers", $"{proof.Probes.Count} answers", "none", CheckResult.Fail, e.Message.TrimEnd('.'))];
        }
    }

    // Packing a merged weight into few bits again would round the update away: there is nothing to show then.
    private static ProofCheck? MergedAnswers(ProofVerifier verifier, LoadedModel loaded)
    {
        if (loaded.Adapter is not { } adapter || loaded.Model.Model.Sites.Projections.Any(p => p.Weight.Base.IsQuantized)) return null;
        try
        {
            loaded.Model.Merge(adapter.Name);
        }
        catch (PeftException)
        {
            return null; // no change of weights
        }
        var check = verifier.Answers("merged in memory, answers", loaded.Model, Sites.AdapterSelection.None);
        loaded.Model.Unmerge();
        return check;
    }

    private static void Print(AdapterProof proof, List<ProofCheck> checks)
    {
        Console.Out.WriteLine(
            $"proof of {proof.MadeBy.Library}, libtorch {proof.MadeBy.Libtorch}, {proof.MadeBy.Processor}; answers in {proof.Precision}");
        var grid = new Grid("check", "expected", "found", "result");
        foreach (var check in checks) grid.Row(check.Name, check.Expected, check.Found, Verdict(check));
        grid.Write();
        foreach (var check in checks.Where(c => c.Result != CheckResult.Pass)) Console.Out.WriteLine($"{Verdict(check)}: {check.Sentence}");
        var failed = checks.Count(c => c.Result == CheckResult.Fail);
        Console.Out.WriteLine(failed == 0 ? $"verified: {checks.Count} checks" : $"not verified: {failed} of {checks.Count} checks failed");
    }

    private static string Verdict(ProofCheck check) =>
        check.Result switch { CheckResult.Pass => "pass", CheckResult.Note => "note", _ => "FAIL" };

    private static JsonObject Document(string folder, string basis, AdapterProof proof, List<ProofCheck> checks) => new()
    {
        ["folder"] = folder,
        ["base"] = basis,
        ["verified"] = checks.TrueForAll(c => c.Result != CheckResult.Fail),
        ["made_by"] = new JsonObject
        {
            ["library"] = proof.MadeBy.Library,
            ["libtorch"] = proof.MadeBy.Libtorch,
            ["processor"] = proof.MadeBy.Processor,
        },
        ["precision"] = proof.Precision.ToString(),
        ["checks"] = new JsonArray([.. checks.Select(c => (JsonNode)new JsonObject
        {
            ["name"] = c.Name,
            ["expected"] = c.Expected,
            ["found"] = c.Found,
            ["result"] = Verdict(c).ToLowerInvariant(),
            ["sentence"] = c.Fact.Length == 0 ? null : c.Sentence,
        })]),
    };
}
