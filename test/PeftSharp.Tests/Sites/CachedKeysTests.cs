using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Sites;

/// <summary>A law: what a cache yields is all that came, in its order, bit for bit.</summary>
public sealed class CachedKeysTests
{
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    public void All_That_Came_Is_There(ScalarType type)
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        // As maps give them, tokens before heads; wider than a head where several maps are one.
        Tensor Made(long tokens) => randn([2, tokens, 3, 16], type).transpose(1, 2).narrow(3, 0, 8);
        List<Tensor> keys = [Made(5)], values = [Made(5)];
        using var cached = new CachedKeys(keys[0], values[0]);
        foreach (var tokens in (long[])[1, 3, 0, 90, 1])
        {
            keys.Add(Made(tokens));
            values.Add(Made(tokens).contiguous());
            var (allKeys, allValues) = cached.Append(keys[^1], values[^1]);
            Assert.Equal(Numbers(cat(keys, 2)), Numbers(allKeys));
            Assert.Equal(Numbers(cat(values, 2)), Numbers(allValues));
        }
    }

    private static double[] Numbers(Tensor x) => x.to(ScalarType.Float64).contiguous().data<double>().ToArray();
}
