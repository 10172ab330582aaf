using System.Globalization;
using System.Text;
using System.Text.Json;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>Weights of four bits in files, named and laid out as bitsandbytes and transformers do.</summary>
internal static class BitsAndBytes
{
    private const string StatePrefix = ".quant_state.bitsandbytes__";
    private const int LongestState = 1 << 16;

    public static FourBitStore Read(Checkpoint checkpoint, string name)
    {
        var source = new Source(checkpoint, name);
        var states = checkpoint.Names.Where(n => n.StartsWith(name + StatePrefix, StringComparison.Ordinal)).ToList();
        if (states is not [var key])
            throw source.Bad(
                $"has {states.Count} tensors named \"{name}{StatePrefix}…\" where one was expected",
                "give a weight that bitsandbytes quantised to 4 bits");
        var kind = key[(name + StatePrefix).Length..];
        if (FourBitCode.Find(kind) is not { } code)
            throw source.Bad(
                $"is stored as {Quoted.Name(kind)} where one of {string.Join(", ", FourBitCode.All)} was expected",
                "quantise the model to one of them, or use its unquantised checkpoint");
        var state = QuantState.Parse(source.Bytes(StatePrefix + kind, LongestState), code, source);

        using var scope = NewDisposeScope(); // whatever was read before a refusal is released
        var count = state.Out * state.In;
        var blocks = FourBitCodec.Blocks(count, state.Block);
        source.CheckLevels(".quant_map", code);
        var codes = source.Codes(FourBitCodec.CodeBytes(count));
        if (state.NestedOffset is not { } offset)
            return new FourBitStore(
                code, codes.DetachFromDisposeScope(), source.Tensor(".absmax", ScalarType.Float32, blocks).DetachFromDisposeScope(), null,
                state.Out, state.In, state.Block, state.Type);
        var absmax = source.Tensor(".absmax", ScalarType.Byte, blocks);
        var scales = source.Tensor(".nested_absmax", ScalarType.Float32, FourBitCodec.Blocks(blocks, DoubleQuantization.Block));
        var map = source.Tensor(".nested_quant_map", ScalarType.Float32, 256);
        if (map.equal(NestedScales.StandardMap).all().item<bool>()) map = NestedScales.StandardMap;
        var nested = new NestedScales(scales.DetachFromDisposeScope(), map.DetachFromDisposeScope(), offset);
        return new FourBitStore(
            code, codes.DetachFromDisposeScope(), absmax.DetachFromDisposeScope(), nested, state.Out, state.In, state.Block, state.Type);
    }

    public static IReadOnlyList<KeyValuePair<string, Tensor>> Write(
        FourBitStore store, string name, Tensor codes, Tensor absmax, NestedScales? nested)
    {
        var tensors = new List<KeyValuePair<string, Tensor>>
        {
            new(name, codes.view(-1, 1)),
            new($"{name}.absmax", absmax.alias()),
            new($"{name}.quant_map", tensor(store.Code.Levels.ToArray())),
            new($"{name}{StatePrefix}{store.Code}", tensor(Encoding.UTF8.GetBytes(State(store, nested)))),
        };
        if (nested is null) return tensors;
        tensors.Add(new($"{name}.nested_absmax", nested.Scales.alias()));
        tensors.Add(new($"{name}.nested_quant_map", nested.Map.alias()));
        return tensors;
    }

    // Spaced as Python's json module does, so that equal weights give equal files.
    private static string State(FourBitStore store, NestedScales? nested)
    {
        var state = $"\"quant_type\": \"{store.Code}\", \"blocksize\": {store.BlockSize}, \"dtype\": \"{store.OriginalType}\", "
            + $"\"shape\": [{store.OutFeatures}, {store.InFeatures}]";
        if (nested is null) return $"{{{state}}}";
        var offset = ((double)nested.Offset).ToString("R", CultureInfo.InvariantCulture);
        return $"{{{state}, \"nested_blocksize\": {DoubleQuantization.Block}, \"nested_dtype\": \"float32\", \"nested_offset\": {offset}}}";
    }

    /// <summary>The tensors of one weight, checked as they are read. Reading puts them into the current dispose scope.</summary>
    internal sealed class Source(Checkpoint checkpoint, string name)
    {
        public Tensor Tensor(string suffix, ScalarType type, long count)
        {
            if (!checkpoint.Contains(name + suffix)) throw Bad($"lacks \"{name}{suffix}\"");
            var info = checkpoint.Info(name + suffix);
            if (info.ScalarType != type || info.Count != count)
                throw Bad($"has \"{name}{suffix}\" of {info.Count} elements of {info.ScalarType} where {count} of {type} were expected");
            using var read = checkpoint.Read(name + suffix);
            return read.view(-1);
        }

        // quant_storage may have stored the same bytes under a wider type.
        public Tensor Codes(long bytes)
        {
            if (!checkpoint.Contains(name)) throw Bad("lacks it");
            var info = checkpoint.Info(name);
            if (info.ByteLength != bytes) throw Bad($"stores {info.ByteLength} bytes of codes where its shape takes {bytes}");
            if (info.ScalarType == ScalarType.Byte) return Tensor("", ScalarType.Byte, bytes);
            using var wide = checkpoint.Read(name);
            var codes = empty([bytes], ScalarType.Byte);
            wide.contiguous().bytes.CopyTo(codes.bytes);
            return codes;
        }

        public byte[] Bytes(string suffix, int most)
        {
            var info = checkpoint.Info(name + suffix);
            if (info.ScalarType != ScalarType.Byte || info.ByteLength > most)
                throw Bad(
                    $"has \"{name}{suffix}\" of {info.ByteLength} bytes of {info.ScalarType} where at most {most} of Byte were expected");
            using var read = checkpoint.Read(name + suffix);
            return info.ByteLength == 0 ? [] : read.bytes.ToArray();
        }

        public void CheckLevels(string suffix, FourBitCode code)
        {
            if (!Tensor(suffix, ScalarType.Float32, code.Levels.Length).data<float>().ToArray().AsSpan().SequenceEqual(code.Levels))
                throw Bad($"has a \"{name}{suffix}\" that is not the map of {code}");
        }

        public JsonSource Json =>
            new($"{checkpoint.Path}: the quant_state of {Quoted.Name(name)}", "download or quantise the checkpoint again");

        public PeftException Bad(string what, string advice = "download or quantise the checkpoint again") =>
            new($"{checkpoint.Path}: the quantised weight {Quoted.Name(name)} {what}; {advice}.");
    }

    private sealed record QuantState(int Block, string Type, long Out, long In, float? NestedOffset)
    {
        private static readonly string[] Types = ["float32", "bfloat16", "float16"];

        public static QuantState Parse(byte[] json, FourBitCode code, Source source)
        {
            try
            {
                using var document = StrictJson.Document(source.Json, json, new() { Bytes = 1 << 16, Depth = 8 });
                var root = document.RootElement;
                var (type, block, original) = (
                    root.GetProperty("quant_type").GetString(), root.GetProperty("blocksize").GetInt32(),
                    root.GetProperty("dtype").GetString());
                if (type != code.Name)
                    throw source.Bad($"has the quant_type {Quoted.Name(type ?? "")} where \"{code}\" was expected");
                if (!Types.Contains(original))
                    throw source.Bad($"has the dtype {Quoted.Name(original ?? "")} where one of {string.Join(", ", Types)} was expected");
                if (!FourBitCodec.IsBlock(block))
                    throw source.Bad($"has the blocksize {block} where a power of two from 32 to 4096 was expected");
                if (
                    root.GetProperty("shape")
                        .EnumerateArray()
                        .Select(e => e.GetInt64())
                        .ToList() is not [var rows and > 0, var columns and > 0]
                        || rows > long.MaxValue / 8 / columns)
                    throw source.Bad(
                        $"has the shape {root.GetProperty("shape")} where that of a linear map's weight, [out, in], was expected");
                return new QuantState(block, original!, rows, columns, Nested(root, source));
            }
            catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
            {
                throw source.Bad($"has a quant_state that cannot be read ({e.Message.Split(". ")[0].TrimEnd('.')})");
            }
        }

        private static float? Nested(JsonElement root, Source source)
        {
            if (!root.TryGetProperty("nested_offset", out var offset)) return null;
            var block = root.GetProperty("nested_blocksize").GetInt32();
            var type = root.GetProperty("nested_dtype").GetString();
            if (block != DoubleQuantization.Block || type != "float32")
                throw source.Bad(
                    $"has scales quantised in blocks of {block} from {Quoted.Name(type ?? "")} where {DoubleQuantization.Block} and "
                    + "\"float32\" were expected");
            return offset.GetSingle();
        }
    }
}
