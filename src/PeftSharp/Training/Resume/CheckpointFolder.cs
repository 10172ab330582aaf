using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using static TorchSharp.torch;

namespace PeftSharp.Training.Resume;

/// <summary>
/// One checkpoint on disk: <c>trainer_state.safetensors</c> (every tensor), <c>trainer_state.json</c> (the rest, under Hugging Face's names
/// where there are such, with the checksum of the tensors) and <c>trainer_state.json.sha256</c> (the checksum of that, as <c>sha256sum
/// -c</c> reads it).
/// </summary>
internal static class CheckpointFolder
{
    private const string TensorFile = "trainer_state.safetensors", JsonFile = "trainer_state.json", SumFile = JsonFile + ".sha256";
    private const int Format = 1;
    private const long MaxJsonBytes = 1L << 30;

    private const int Buffer = 1 << 15;

    private static readonly JsonBounds Bounds = new() { Bytes = MaxJsonBytes, Values = 100_000_000, Text = 64 << 20 };

    private static readonly JsonWriterOptions Layout = new()
    {
        Indented = true,
        IndentSize = 1,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
    private static readonly JsonSerializerOptions OneLine = new() { Encoder = JavaScriptEncoder.Default };

    /// <summary>Writes a checkpoint into an existing, empty folder; every file is flushed.</summary>
    public static void Write(string folder, TrainingCheckpoint checkpoint)
    {
        var (tensors, json) = (Path.Combine(folder, TensorFile), Path.Combine(folder, JsonFile));
        SafetensorsWriter.Write(tensors, checkpoint.Snapshot.Tensors, new Dictionary<string, string> { ["format"] = "pt" });
        var recorded = new JsonObject { ["file"] = TensorFile, ["bytes"] = new FileInfo(tensors).Length, ["sha256"] = HashOf(tensors) };
        AtomicFile.Write(json, stream => WriteDocument(stream, checkpoint, recorded));
        AtomicFile.WriteText(Path.Combine(folder, SumFile), $"{HashOf(json)}  {JsonFile}\n");
    }

    /// <summary>Reads and verifies a checkpoint.</summary>
    /// <exception cref="DamagedCheckpointException">A file is missing, cut off or changed.</exception>
    /// <exception cref="PeftException">Another version of the program wrote it.</exception>
    public static TrainingCheckpoint Read(string folder)
    {
        var json = Verified(folder);
        try
        {
            return Read(folder, Parse(json));
        }
        catch (Exception e) when (
            e is JsonException or InvalidOperationException or InvalidCastException or FormatException or OverflowException
                or NullReferenceException or ArgumentException)
        {
            throw new DamagedCheckpointException($"{JsonFile} is not what this program writes", e);
        }
    }

    private static JsonObject Parse(byte[] json)
    {
        try
        {
            return StrictJson.Object(new(JsonFile, "resume from another checkpoint"), json, Bounds);
        }
        catch (PeftException e)
        {
            throw new DamagedCheckpointException($"{JsonFile} is not what this program writes", e);
        }
    }

    private static TrainingCheckpoint Read(string folder, JsonObject json)
    {
        var own = (JsonObject)json["peftsharp"]!;
        if (own["format"]!.GetValue<int>() is var format && format != Format)
            throw new PeftException(
                $"{folder} has the checkpoint format {format}, but this version reads {Format}; resume with the version that wrote it "
                + $"({own["version"]}).");
        var state = TrainerState.FromJson((JsonObject)own["state"]!);
        var run = RunFingerprint.FromJson((JsonObject)own["run"]!, own["machine"]!.GetValue<string>());
        return new(
            new(
                state, Tensors(folder, (JsonObject)own["tensors"]!), own["method_state"]?.DeepClone(),
                own["best_method_state"]?.DeepClone()),
            run,
            [.. ((JsonArray)json["log_history"]!).Select(l => l!.ToJsonString(OneLine))],
            json["max_steps"]!.GetValue<long>(), json["epoch"]!.GetValue<double>(), (JsonObject?)own["extra"]?.DeepClone())
        {
            Path = folder,
        };
    }

    // Piece by piece: a long log would make large objects, and each of those a collection of the whole heap.
    private static void WriteDocument(Stream stream, TrainingCheckpoint checkpoint, JsonObject tensors)
    {
        var (snapshot, state) = (checkpoint.Snapshot, checkpoint.Snapshot.State);
        var best = state.BestEvaluation is { } evaluation ? evaluation.Values[evaluation.Primary] : double.NaN;
        using var json = new Utf8JsonWriter(stream, Layout);
        void Add(string name, JsonNode? value)
        {
            json.WritePropertyName(name);
            if (value is null) json.WriteNullValue();
            else value.WriteTo(json);
        }
        json.WriteStartObject();
        Add("global_step", state.Step);
        Add("max_steps", checkpoint.MaxSteps);
        Add("epoch", checkpoint.Epoch);
        Add("best_metric", double.IsFinite(best) ? best : null);
        Add("best_global_step", state.BestStep == 0 ? null : state.BestStep);
        json.WriteStartArray("log_history");
        foreach (var line in checkpoint.Log)
        {
            json.WriteRawValue(line);
            if (json.BytesPending > Buffer) json.Flush();
        }
        json.WriteEndArray();
        Add("peftsharp", new JsonObject
        {
            ["format"] = Format,
            ["version"] = typeof(CheckpointFolder).Assembly.GetName().Version?.ToString(3),
            ["state"] = state.ToJson(),
            ["method_state"] = snapshot.Method?.DeepClone(),
            ["best_method_state"] = snapshot.BestMethod?.DeepClone(),
            ["run"] = checkpoint.Run.ToJson(),
            ["machine"] = checkpoint.Run.Machine,
            ["tensors"] = tensors,
            ["extra"] = checkpoint.Extra?.DeepClone(),
        });
        json.WriteEndObject();
        json.Flush();
        stream.Write("\n"u8);
    }

    private static byte[] Verified(string folder)
    {
        var (path, sum) = (Path.Combine(folder, JsonFile), Path.Combine(folder, SumFile));
        foreach (var file in (string[])[path, sum, Path.Combine(folder, TensorFile)])
        {
            if (!File.Exists(file)) throw new DamagedCheckpointException($"{Path.GetFileName(file)} is missing");
            if (new FileInfo(file).LinkTarget is not null) throw new DamagedCheckpointException($"{Path.GetFileName(file)} is a link");
        }
        try
        {
            if (RegularFile.Length(path) > MaxJsonBytes || RegularFile.Length(sum) > 1024)
                throw new DamagedCheckpointException($"{JsonFile} or its checksum is too large to be one");
            var bytes = RegularFile.Bytes(path, MaxJsonBytes);
            Compare(
                JsonFile, Convert.ToHexStringLower(SHA256.HashData(bytes)),
                Encoding.UTF8.GetString(RegularFile.Bytes(sum, 1024)).Split(' ', '\n')[0]);
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PeftException and not DamagedCheckpointException)
        {
            throw new DamagedCheckpointException($"{JsonFile} could not be read ({e.Message.TrimEnd('.')})", e);
        }
    }

    private static Dictionary<string, Tensor> Tensors(string folder, JsonObject recorded)
    {
        var path = Path.Combine(folder, TensorFile);
        try
        {
            var (length, expected) = (RegularFile.Length(path), recorded["bytes"]!.GetValue<long>());
            if (length != expected) throw new DamagedCheckpointException($"{TensorFile} has {length} bytes, but {expected} were written");
            Compare(TensorFile, HashOf(path), recorded["sha256"]!.GetValue<string>());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PeftException and not DamagedCheckpointException)
        {
            throw new DamagedCheckpointException($"{TensorFile} could not be read ({e.Message.TrimEnd('.')})", e);
        }
        using var file = SafetensorsFile.Open(path);
        return file.Tensors.Keys.ToDictionary(k => k, file.Read);
    }

    private static void Compare(string file, string found, string recorded)
    {
        if (found != recorded)
            throw new DamagedCheckpointException($"{file} has the SHA-256 {Short(found)}, but {Short(recorded)} was recorded");
    }

    private static string Short(string hash) => hash.Length > 12 ? hash[..12] + "…" : $"\"{hash}\"";

    private static string HashOf(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
