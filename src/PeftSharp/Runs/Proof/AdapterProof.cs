using PeftSharp.Composition;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Sites;
using PeftSharp.Tokenization;

namespace PeftSharp.Runs.Proof;

/// <summary>
/// What an adapter answers and on what base, kept in a file beside it (<see cref="FileName"/>), which peft and AdapterHub do not read. A
/// merged model has one too. It guards against mistakes, not against forgery.
/// </summary>
public sealed record AdapterProof
{
    /// <summary>Name of the file.</summary>
    public const string FileName = KnownFiles.Proof;

    internal const int CurrentVersion = 1;

    /// <summary>Version of the file's layout.</summary>
    public required int Version { get; init; }

    /// <summary>What made it.</summary>
    public required ProofOrigin MadeBy { get; init; }

    /// <summary>The precision of the answers.</summary>
    public required ProofPrecision Precision { get; init; }

    /// <summary>
    /// How exactly the answers come back in the same precision (<see cref="ProofPrecision.Between"/>); for readers, not for the check.
    /// </summary>
    public required double Tolerance { get; init; }

    /// <summary>Fingerprint of the tokenizer; null where there was none.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>Questions and answers.</summary>
    public required IReadOnlyList<ProofQuestion> Probes { get; init; }

    /// <summary>The adapter; null in a merged model.</summary>
    public AdapterFingerprint? Adapter { get; init; }

    /// <summary>The base model, or the merged model itself.</summary>
    public required BaseFingerprint Base { get; init; }

    /// <summary>Makes the proof of an adapter that was saved; its answers should be computed in float32 arithmetic.</summary>
    /// <param name="model">The base with the adapter.</param>
    /// <param name="adapter">The adapter, as it was saved.</param>
    /// <param name="baseFolder">The folder that the base was loaded from.</param>
    /// <param name="folder">The adapter's folder.</param>
    /// <param name="tokenizer">The tokenizer, or null.</param>
    /// <exception cref="PeftException">A file cannot be read, or the adapter's answers are not finite.</exception>
    public static AdapterProof Create(PeftModel model, PeftMethod adapter, string baseFolder, AdapterFolder folder, Tokenizer? tokenizer) =>
        Create(model, adapter, baseFolder, AdapterFingerprint.Of(folder), tokenizer);

    /// <summary>About how many bytes the proof of an adapter will take that is not saved yet.</summary>
    /// <exception cref="PeftException">A file of the base cannot be read, or the adapter's answers are not finite.</exception>
    public static long ExpectedBytes(PeftModel model, PeftMethod adapter, AdapterFormat format, string baseFolder, Tokenizer? tokenizer)
    {
        var rest = Create(model, adapter, baseFolder, (AdapterFingerprint?)null, tokenizer);
        var (tensors, bytes) = (rest.Base.Weights.Tensors, ProofJson.Text(rest).Length);
        var bare =
            rest with { Base = rest.Base with { Weights = rest.Base.Weights with { Tensors = new Dictionary<string, TensorPrint>() } } };
        // An adapter's tensors take as much as the base's, but for their names.
        var each = tensors.Count == 0 ? 0 : (bytes - ProofJson.Text(bare).Length - tensors.Keys.Sum(name => name.Length)) / tensors.Count;
        using var scope = TorchSharp.torch.NewDisposeScope();
        return bytes + AdapterJson.Text(adapter.Options).Length + adapter.SavedTensors(format).Sum(t => (long)t.Key.Length + each);
    }

    private static AdapterProof Create(
        PeftModel model, PeftMethod adapter, string baseFolder, AdapterFingerprint? print, Tokenizer? tokenizer)
    {
        var basis = BaseFingerprint.Of(baseFolder, model.Model, adapter);
        var precision = ProofPrecision.Of(model.Model, basis.Weights);
        return new()
        {
            Version = CurrentVersion,
            MadeBy = ProofOrigin.Here,
            Precision = precision,
            Tolerance = ProofPrecision.Between(precision, precision).Tolerance,
            Tokenizer = tokenizer?.Fingerprint,
            Probes = Probing.Answer(model, AdapterSelection.Of(adapter.Tag), Probing.Questions(model.Model, tokenizer)),
            Adapter = print,
            Base = basis,
        };
    }

    /// <summary>The proof of the model that the adapter was merged into: the same answers, from the folder's own weights.</summary>
    /// <param name="folder">The merged model's folder.</param>
    /// <param name="model">The model that was written.</param>
    public AdapterProof ForMerged(string folder, PeftModel model) => this with
    {
        Adapter = null,
        Base = BaseFingerprint.Of(folder, model.Model, null),
        Precision = Precision with { Stored = "F32" }, // the sum of base and update was rounded by nothing yet
    };

    /// <summary>Reads the proof of a folder; null if it has none.</summary>
    /// <exception cref="PeftException">The file is damaged.</exception>
    public static AdapterProof? TryRead(string folder)
    {
        var file = Path.Combine(folder, FileName);
        return File.Exists(file) ? ProofJson.Read(file) : null;
    }

    /// <summary>Writes it into a folder.</summary>
    public void Write(string folder) => AtomicFile.WriteText(Path.Combine(folder, FileName), ProofJson.Text(this));
}
