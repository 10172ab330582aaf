using PeftSharp.Runs.Proof;
using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippet of docs/verify.md.</summary>
internal static class VerifySnippet
{
    internal static void Check()
    {
        if (AdapterProof.TryRead("runs/sst2") is { } proof)
            new ProofVerifier(proof, "runs/sst2", "models/all-MiniLM-L6-v2").Require(Tokenizer.Load("models/all-MiniLM-L6-v2"));
    }
}
