using PeftSharp.Files.Gguf;
using static TorchSharp.torch;

namespace PeftSharp.Files;

/// <summary>The tensors of a model as one whole: a single safetensors or GGUF file, or the shards of a model folder.</summary>
/// <remarks>Opening reads headers only; a tensor's bytes are mapped when it is read. Members may be called from several threads.</remarks>
public sealed class Checkpoint : IDisposable
{
    private const string SingleName = "model.safetensors";
    private const string IndexName = "model.safetensors.index.json";
    private static readonly string[] PickleExtensions = [".bin", ".pt", ".pth", ".ckpt"];

    private readonly List<ITensorFile> _files = [];
    private readonly Dictionary<string, ITensorFile> _where = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _inner = new(StringComparer.Ordinal);

    private Checkpoint(string path) => Path = path;

    /// <summary>The path that the checkpoint was opened by.</summary>
    internal string Path { get; }

    /// <summary>The names of its tensors.</summary>
    public IReadOnlyCollection<string> Names => _where.Keys;

    /// <summary>The modules of a folder in the layout of sentence-transformers; null for any other.</summary>
    internal SentenceModules? Modules { get; private set; }

    /// <summary>The name of a tensor of such a module: its file has a "linear.weight" of its own.</summary>
    internal static string DenseName(string folder, string part) => $"{folder}/linear.{part}";

    /// <summary>The metadata of the file, or of the first shard.</summary>
    internal IReadOnlyDictionary<string, string> Metadata =>
        _files.Count > 0 ? _files[0].Metadata : new Dictionary<string, string>();

    /// <summary>
    /// Opens a .safetensors file, a .safetensors.index.json file, a .gguf file, or a folder with <c>model.safetensors</c> or
    /// <c>model.safetensors.index.json</c> (the single file wins where both exist), or else a single .gguf file. Tensors of a GGUF file
    /// have the names that Hugging Face gives them, and their rows its order.
    /// </summary>
    /// <exception cref="PeftException">Nothing of the kind is there, only pickle files are, a shard is missing, or a file is
    /// malformed.</exception>
    public static Checkpoint Open(string path)
    {
        var checkpoint = new Checkpoint(path);
        try
        {
            var file = Directory.Exists(path) ? FileOf(path) : path;
            if (file.EndsWith(".index.json", StringComparison.Ordinal)) checkpoint.AddShards(file);
            else checkpoint.AddFile(file);
            if (file != path) checkpoint.AddModules(path);
            return checkpoint;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            checkpoint.Dispose();
            throw new PeftException(
                $"{path} could not be read as a checkpoint ({e.Message.TrimEnd('.')}); check the path and its permissions.", e);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Whether it has a tensor of that name.</summary>
    internal bool Contains(string name) => _where.ContainsKey(name);

    /// <summary>Type, shape and place of a tensor.</summary>
    /// <exception cref="PeftException">There is no such tensor.</exception>
    public TensorInfo Info(string name) => FileWith(name).Tensors[Inner(name)] with { Name = name };

    /// <summary>A tensor as stored, by <see cref="SafetensorsFile.Read"/>: new, owned by the caller, in no dispose scope.</summary>
    /// <exception cref="PeftException">There is no such tensor, or its file has shrunk or gone.</exception>
    internal Tensor Read(string name) => FileWith(name).Read(Inner(name));

    /// <summary>
    /// A tensor was read and copied, and will not be read again: the pages of its file are given back to the system. Nothing may have been
    /// written to what was read.
    /// </summary>
    internal void Forget(string name) => FileWith(name).Forget(Inner(name));

    /// <summary>
    /// The blocks of a tensor of a GGUF file, [rows, bytes of a row], and how they are kept; null where it is kept in plain numbers.
    /// </summary>
    internal (Tensor Blocks, GgufType Type)? Packed(string name) => FileWith(name) is GgufCheckpoint gguf ? gguf.Packed(name) : null;

    /// <summary>
    /// True if a linear map's rows are its outputs in this file, whatever its architecture does elsewhere (GPT-2's stand the other way
    /// round in Hugging Face's).
    /// </summary>
    internal bool HasOutputsFirst(string name) => FileWith(name) is GgufCheckpoint;

    /// <summary>The file that a tensor lies in.</summary>
    internal string FileWithTensor(string name) => FileWith(name).Path;

    /// <summary>Releases the maps; tensors already read stay valid.</summary>
    public void Dispose() => _files.ForEach(file => file.Dispose());

    private string Inner(string name) => _inner.GetValueOrDefault(name, name);

    // A pickle there is another program's affair: nothing of it is read.
    private void AddModules(string folder)
    {
        Modules = SentenceModules.TryRead(folder);
        foreach (var module in Modules?.Dense ?? [])
        {
            var file = System.IO.Path.Combine(folder, module, SingleName);
            if (!File.Exists(file)) continue;
            var opened = Add(file);
            foreach (var part in (string[])["weight", "bias"])
            {
                var (name, inner) = (DenseName(module, part), $"linear.{part}");
                if (!opened.Tensors.ContainsKey(inner) || !_where.TryAdd(name, opened)) continue;
                _inner[name] = inner;
            }
        }
    }

    private ITensorFile FileWith(string name) => _where.TryGetValue(name, out var file) ? file
        : throw new PeftException(
            $"{Path} has no tensor {Quoted.Name(name)} among its {_where.Count}; check the name, or that the checkpoint belongs to "
            + "this model.");

    private static string FileOf(string folder)
    {
        foreach (var name in (string[])[SingleName, IndexName])
            if (System.IO.Path.Combine(folder, name) is var file && File.Exists(file)) return file;
        if (GgufPath.Find(folder) is { } gguf) return gguf;
        var names =
            Directory.EnumerateFiles(folder).Select(file => System.IO.Path.GetFileName(file)).Order(StringComparer.Ordinal).ToList();
        var pickle = names.Find(IsPickle) ?? names.Find(name => name == "pytorch_model.bin.index.json");
        if (pickle is not null) throw Pickle(System.IO.Path.Combine(folder, pickle));
        var other = names.Find(name => name.EndsWith(".safetensors", StringComparison.Ordinal));
        throw new PeftException(
            $"{folder} has no {SingleName} and no {IndexName}{(other is null ? "" : $" (it has {other}, which can be named as a file)")}; "
            + "give the folder of a model, or a .safetensors file.");
    }

    private static bool IsPickle(string name) =>
        PickleExtensions.Contains(System.IO.Path.GetExtension(name), StringComparer.OrdinalIgnoreCase);

    private static PeftException Pickle(string file) =>
        new(
            $"{file} is a pickle file, which can run code when it is read and is therefore refused; use the model's .safetensors files, or "
            + "convert it with its own library.");

    private SafetensorsFile Add(string file)
    {
        var opened = SafetensorsFile.Open(file);
        _files.Add(opened);
        return opened;
    }

    private void AddFile(string file)
    {
        if (File.Exists(file) && IsPickle(file)) throw Pickle(file);
        if (!File.Exists(file)) throw new PeftException($"{file} does not exist; give the folder of a model, or a .safetensors file.");
        if (GgufPath.Is(file))
        {
            var gguf = GgufCheckpoint.Open(file);
            _files.Add(gguf);
            foreach (var name in gguf.Tensors.Keys) _where.Add(name, gguf);
            return;
        }
        if (ForeignFile.Of(file) is { } foreign) throw new PeftException($"{file} is {foreign}.");
        var opened = Add(file);
        foreach (var name in opened.Tensors.Keys) _where.Add(name, opened);
    }

    private void AddShards(string index)
    {
        var map = ShardIndex.Read(index);
        var folder = System.IO.Path.GetDirectoryName(index)!;
        foreach (var shard in map.GroupBy(pair => pair.Value, pair => pair.Key).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            var file = System.IO.Path.Combine(folder, shard.Key);
            if (!File.Exists(file))
                throw new PeftException($"{index} names the shard {shard.Key}, which is not in its folder; download the missing file.");
            var opened = Add(file);
            foreach (var name in shard)
                _where.Add(name, opened.Tensors.ContainsKey(name) ? opened
                    : throw new PeftException(
                        $"{index} puts tensor {Quoted.Name(name)} into {shard.Key}, which lacks it; download that file and the "
                        + "index again."));
        }
    }
}
