using PeftSharp.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Models;

/// <summary>
/// T5 once more, written from its paper with plain tensors, one row without padding at a time: what the heads are checked against.
/// </summary>
internal sealed class PlainT5(TransformerModel model, string prefix)
{
    private const int Heads = 4, Buckets = 8, MaxDistance = 13;
    private const double Epsilon = 1e-5;

    private readonly Dictionary<string, Tensor> _tensors = model.Sites.Slots.ToDictionary(slot => slot.Name, slot => slot.Value);

    public Tensor this[string name] => _tensors[name];

    /// <summary>What the encoder makes of a row: [tokens, hidden].</summary>
    public Tensor Encode(long[] ids) => Stack("encoder", ids, null);

    /// <summary>What the decoder makes of a row that it reads one place later: [tokens, hidden].</summary>
    public Tensor Decode(long[] ids, long start) => Stack("decoder", [start, .. ids[..^1]], Encode(ids));

    private Tensor Stack(string stack, long[] ids, Tensor? source)
    {
        var x = Base("shared.weight").index_select(0, tensor(ids));
        var bias = PositionBias(stack, ids.Length, isDecoder: source is not null);
        for (var layer = 0; layer < 2; layer++)
        {
            var at = $"{stack}.block.{layer}.layer";
            var read = Norm(x, $"{at}.0.layer_norm");
            x = x + Attention(read, read, $"{at}.0.SelfAttention", bias);
            if (source is not null) x = x + Attention(Norm(x, $"{at}.1.layer_norm"), source, $"{at}.1.EncDecAttention", null);
            var last = source is null ? $"{at}.1" : $"{at}.2";
            read = Norm(x, $"{last}.layer_norm");
            var wide = Map(read, $"{last}.DenseReluDense.wi_0");
            var gate = 0.5 * wide * (1 + (Math.Sqrt(2 / Math.PI) * (wide + 0.044715 * wide.pow(3))).tanh());
            x = x + Map(gate * Map(read, $"{last}.DenseReluDense.wi_1"), $"{last}.DenseReluDense.wo");
        }
        return Norm(x, $"{stack}.final_layer_norm");
    }

    private Tensor Attention(Tensor x, Tensor source, string at, Tensor? bias)
    {
        Tensor Split(Tensor y) => y.view(y.shape[0], Heads, -1).transpose(0, 1);      // [heads, tokens, headDim]
        var (query, key, value) = (Split(Map(x, $"{at}.q")), Split(Map(source, $"{at}.k")), Split(Map(source, $"{at}.v")));
        var scores = query.matmul(key.transpose(1, 2));                               // not scaled
        if (bias is not null) scores = scores + bias;
        var read = scores.softmax(-1).matmul(value);
        return Map(read.transpose(0, 1).reshape(x.shape[0], -1), $"{at}.o");
    }

    private Tensor PositionBias(string stack, int tokens, bool isDecoder)
    {
        var table = Base($"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
        var rows = new List<Tensor>();
        for (var query = 0; query < tokens; query++)
            rows.Add(torch.stack([.. Enumerable.Range(0, tokens).Select(key => isDecoder && key > query
                ? full_like(table[0], double.NegativeInfinity)
                : table[Bucket(key - query, !isDecoder)])]));
        return torch.stack(rows).permute(2, 0, 1);                                    // [heads, queries, keys]
    }

    private static long Bucket(int distance, bool bothWays)
    {
        var (buckets, bucket) = (Buckets, 0);
        if (bothWays)
        {
            buckets /= 2;
            bucket = distance > 0 ? buckets : 0;
            distance = Math.Abs(distance);
        }
        else distance = Math.Max(0, -distance);
        var exact = buckets / 2;
        if (distance < exact) return bucket + distance;
        var far = exact + (int)(Math.Log(distance / (double)exact) / Math.Log(MaxDistance / (double)exact) * (buckets - exact));
        return bucket + Math.Min(far, buckets - 1);
    }

    private Tensor Norm(Tensor x, string at) => x * (x.pow(2).mean([-1], true) + Epsilon).rsqrt() * Base($"{at}.weight");

    private Tensor Map(Tensor x, string at) => x.matmul(Base($"{at}.weight").t());

    private Tensor Base(string name) => _tensors[prefix + name];
}
