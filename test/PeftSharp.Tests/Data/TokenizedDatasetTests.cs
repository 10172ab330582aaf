using PeftSharp.Data;
using TorchSharp;

namespace PeftSharp.Tests.Data;

public sealed class TokenizedDatasetTests
{
    /// <summary>One token a letter, between 101 and 102; the pair is segment 1.</summary>
    private sealed class Letters : ITextEncoder
    {
        public int PadId => 9;

        public EncodedText Encode(string text, string? pair, int maxLength)
        {
            if (text == "nothing") return new EncodedText([], null);
            List<int> ids = [101, .. text.Select(c => (int)c), 102, .. pair is null ? [] : pair.Select(c => (int)c)];
            int[] cut = [.. ids.Take(maxLength)];
            return new EncodedText(
                cut, pair is null ? null : [.. Enumerable.Range(0, cut.Length).Select(i => i > text.Length + 1 ? 1 : 0)]);
        }
    }

    private static TextDataset Classes(params (string Text, string? Pair, int Label)[] rows) => new(
        [.. rows.Select((row, i) => new Example(row.Text, row.Pair, row.Label, float.NaN, i + 1))], LabelKind.Class,
        new LabelMap(["no", "yes"]), "memory");

    [Fact]
    public void Rows_Are_Padded_To_The_Longest()
    {
        var data = TokenizedDataset.Create(Classes(("ab", "c", 1), ("a", null, 0), ("zz", null, 1)), new Letters(), 128);
        using var batch = data.CreateBatch([2, 0]);
        Assert.Equal([101, 'z', 'z', 102, 9, 101, 'a', 'b', 102, 'c'], batch.InputIds.data<long>());
        Assert.Equal([1L, 1, 1, 1, 0, 1, 1, 1, 1, 1], batch.AttentionMask.data<long>());
        Assert.Equal([0L, 0, 0, 0, 0, 0, 0, 0, 0, 1], batch.TokenTypeIds!.data<long>());
        Assert.Equal([1L, 1], batch.Labels!.data<long>());
        Assert.Equal((2, 5, 9, false), (batch.Rows, batch.Tokens, batch.RealTokens, batch.Unpadded));
        Assert.Equal([2, 0], batch.Source);
        Assert.Equal((12L, 0, 3), (data.Tokens, data.TruncatedRows, data.Count));
        Assert.Equal([5, 3, 4], data.Lengths);
    }

    [Fact]
    public void Rows_Of_One_Length_Are_Unpadded_And_Singles_Have_No_Segments()
    {
        var data = TokenizedDataset.Create(Classes(("ab", null, 1), ("cd", null, 0)), new Letters(), 128);
        using var batch = data.CreateBatch([0, 1]);
        Assert.True(batch.Unpadded);
        Assert.Null(batch.TokenTypeIds);
        Assert.True(data.TypeIds(0).IsEmpty);
    }

    [Fact]
    public void Only_Rows_That_Lost_Something_Count_As_Truncated()
    {
        var data = TokenizedDataset.Create(Classes(("ab", null, 1), ("abc", null, 0), ("a", null, 0)), new Letters(), 4);
        Assert.Equal((1, 11L), (data.TruncatedRows, data.Tokens));
    }

    [Fact]
    public void Targets_Are_Floats_And_Unlabelled_Rows_Have_No_Labels()
    {
        Example[] rows = [new("a", null, -1, 2.5f, 1), new("b", null, -1, 0.5f, 2)];
        using var scored = TokenizedDataset.Create(new TextDataset(rows, LabelKind.Regression, null, "m"), new Letters(), 9)
            .CreateBatch([1, 0]);
        Assert.Equal([0.5f, 2.5f], scored.Labels!.data<float>());
        using var bare = TokenizedDataset.Create(new TextDataset(rows, LabelKind.None, null, "m"), new Letters(), 9).CreateBatch([0]);
        Assert.Null(bare.Labels);
    }

    [Fact]
    public void Token_Rows_Are_Taken_As_They_Are_And_Cut()
    {
        Example[] rows = [new("", null, -1, 0, 1, [5, 6, 7], [0, 1, 1]), new("", null, -1, 0, 2, [8])];
        var data = TokenizedDataset.Create(new TextDataset(rows, LabelKind.None, null, "m"), new Letters(), 2);
        Assert.Equal([5, 6], data.Ids(0).ToArray());
        Assert.Equal([0, 1], data.TypeIds(0).ToArray());
        Assert.Equal([8], data.Ids(1).ToArray());
        Assert.Equal(1, data.TruncatedRows);
    }

    [Fact]
    public void Many_Rows_Keep_Their_Places()
    {
        var rows = Enumerable.Range(0, 3_000).Select(i => (new string((char)('a' + i % 26), 1 + i % 7), (string?)null, i % 2)).ToArray();
        var data = TokenizedDataset.Create(Classes(rows), new Letters(), 128);
        for (var i = 0; i < rows.Length; i++)
            Assert.Equal([101, .. rows[i].Item1.Select(c => (int)c), 102], data.Ids(i).ToArray());
    }

    [Fact]
    public void Row_Without_A_Token_Is_Refused() =>
        Assert.Contains("memory, line 2: the text gives no token", Assert.Throws<PeftException>(
            () => TokenizedDataset.Create(Classes(("a", null, 0), ("nothing", null, 1)), new Letters(), 8)).Message);

    [Fact]
    public void Batch_Outlives_The_Scope_It_Was_Made_In()
    {
        var data = TokenizedDataset.Create(Classes(("ab", "c", 1)), new Letters(), 128);
        TokenBatch batch;
        using (torch.NewDisposeScope()) batch = data.CreateBatch([0]);
        Assert.Equal(101, batch.InputIds[0, 0].item<long>());
        batch.Dispose();
        Assert.True(batch.InputIds.IsInvalid);
        Assert.True(batch.Labels!.IsInvalid);
    }
}
