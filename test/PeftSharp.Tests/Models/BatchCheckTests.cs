using PeftSharp.Data;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Models;

/// <summary>Numbers that a model would read memory by are looked at first.</summary>
public sealed class BatchCheckTests
{
    [Theory]
    [InlineData(97, 0, "token id 97", "0 to 96")]
    [InlineData(-1, 0, "token id -1", "0 to 96")]
    [InlineData(5, 3, "segment id 3", "0 to 2")]
    [InlineData(5, -1, "segment id -1", "0 to 2")]
    public void Ids_Beyond_The_Tables_Are_Named(long id, long type, string found, string expected)
    {
        var model = TinyModels.Create("bert");
        using var scope = NewDisposeScope();
        var ids = tensor(new long[] { 1, id }, [1, 2]);
        using var batch = new TokenBatch
        {
            InputIds = ids,
            AttentionMask = ones_like(ids),
            TokenTypeIds = tensor(new long[] { 0, type }, [1, 2]),
        };
        Refusal.Sentence(() => model.Forward(batch, new ForwardContext()), found, expected);
    }

    [Fact]
    public void A_Mask_Of_Another_Shape_Is_Refused()
    {
        var model = TinyModels.Create("bert");
        using var scope = NewDisposeScope();
        var ids = ones(2, 3, dtype: ScalarType.Int64);
        using var batch = new TokenBatch { InputIds = ids, AttentionMask = ones(2, 4, dtype: ScalarType.Int64) };
        Refusal.Sentence(() => model.Forward(batch, new ForwardContext()), "attention mask", "[2, 4]", "[2, 3]");
    }
}
