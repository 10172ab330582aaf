using System.Numerics;
using CsCheck;
using PeftSharp.Data;
using TorchSharp;

namespace PeftSharp.Tests.Data;

public sealed class BatchPlanTests
{
    // Short rows many, long ones few, as in text.
    private static readonly int[] Lengths =
        [.. Enumerable.Range(0, 5_003).Select(i => 3 + (int)(60 * Math.Pow(new SeededRandom(1, (ulong)i).NextDouble(), 3)))];

    [Theory]
    [InlineData(BatchOrder.Shuffled)]
    [InlineData(BatchOrder.Bucketed)]
    [InlineData(BatchOrder.Sequential)]
    public void Every_Row_Occurs_Once_In_Batches_Of_Equal_Size(BatchOrder order) =>
        Gen.Select(Gen.Int[0, 400], Gen.Int[1, 40], Gen.Int[0, 3]).Sample((rows, size, epoch) =>
        {
            var plan = new BatchPlan(Lengths[..rows], size, order, 3);
            var batches = plan.Epoch(epoch);
            Assert.Equal(plan.BatchesPerEpoch, batches.Count);
            Assert.Equal(Enumerable.Range(0, rows), batches.SelectMany(b => b).Order());
            Assert.InRange(batches.Count(b => b.Length < size), 0, 1);
        }, iter: 200);

    [Theory]
    [InlineData(BatchOrder.Shuffled)]
    [InlineData(BatchOrder.Bucketed)]
    public void Batches_Depend_On_Seed_And_Epoch_Alone(BatchOrder order)
    {
        static int[] Flat(IReadOnlyList<int[]> batches) => [.. batches.SelectMany(b => b)];
        var plan = new BatchPlan(Lengths, 32, order, 42);
        _ = plan.Epoch(0);
        Assert.Equal(Flat(new BatchPlan(Lengths, 32, order, 42).Epoch(3)), Flat(plan.Epoch(3)));
        Assert.NotEqual(Flat(plan.Epoch(3)), Flat(plan.Epoch(4)));
        Assert.NotEqual(Flat(plan.Epoch(3)), Flat(new BatchPlan(Lengths, 32, order, 43).Epoch(3)));
    }

    [Fact]
    public void Buckets_Waste_Little_Mix_Well_And_Start_With_The_Longest()
    {
        var plan = new BatchPlan(Lengths, 32, BatchOrder.Bucketed, 42);
        var (first, second) = (plan.Epoch(0), plan.Epoch(1));
        Assert.True(BatchPlan.PaddingShare(Lengths, first) < 0.05);
        Assert.True(BatchPlan.PaddingShare(Lengths, new BatchPlan(Lengths, 32, BatchOrder.Shuffled, 42).Epoch(0)) > 0.5);
        Assert.Equal(Lengths.Max(), first[0].Max(row => Lengths[row]));
        // Rows that shared a batch once are mostly parted the next time.
        var batchOf = second.SelectMany((batch, index) => batch.Select(row => (row, index))).ToDictionary(p => p.row, p => p.index);
        var together = first.Average(batch => (double)batch.Count(row => batchOf[row] == batchOf[batch[0]]) / batch.Length);
        Assert.True(together < 0.3, $"{together:P0} stayed together");
        // Neighbouring batches are not neighbours in length.
        var lengths = first.Select(batch => Lengths[batch[0]]).ToList();
        Assert.InRange(lengths.Zip(lengths.Skip(1)).Count(p => p.First >= p.Second), lengths.Count / 3, lengths.Count * 2 / 3);
    }

    [Fact]
    public void Epochs_Differ_Even_Where_All_Lengths_Do()
    {
        int[] lengths = [.. Enumerable.Range(100, 400)];
        var plan = new BatchPlan(lengths, 8, BatchOrder.Bucketed, 42);
        var seen = plan.Epoch(0).Select(batch => string.Join(' ', batch.Order())).ToHashSet();
        Assert.InRange(plan.Epoch(1).Count(batch => seen.Contains(string.Join(' ', batch.Order()))), 0, seen.Count / 4);
        Assert.True(BatchPlan.PaddingShare(lengths, plan.Epoch(1)) < 0.03);
    }

    [Fact]
    public void Sequential_Keeps_File_Order() =>
        Assert.Equal([[0, 1], [2, 3], [4]], new BatchPlan([5, 1, 4, 2, 3], 2, BatchOrder.Sequential, 0).Epoch(7));

    [Fact]
    public void Evaluation_Batches_Fit_The_Budget_And_Hold_Every_Row()
    {
        var batches = BatchPlan.ForEvaluation(Lengths, maxTokens: 512, maxRows: 64);
        Assert.Equal(Enumerable.Range(0, Lengths.Length), batches.SelectMany(b => b).Order());
        Assert.All(batches, batch => Assert.True(batch.Length <= 64 && batch.Length * batch.Max(row => Lengths[row]) <= 512));
        Assert.All(
            batches.SkipLast(1),
            batch => Assert.True(BitOperations.IsPow2(batch.Length) && (batch.Length == 64 || 2 * batch.Length * Lengths[batch[0]] > 512)));
        Assert.True(BatchPlan.PaddingShare(Lengths, batches) < 0.02);
        Assert.Equal([[1], [0, 2]], BatchPlan.ForEvaluation([3, 900, 2], maxTokens: 10));
        Assert.Equal([[1], [0], [2]], BatchPlan.ForEvaluation([3, 900, 2], maxTokens: 10, added: 3));
    }

    [Fact]
    public void Real_Sentences_Waste_Little()
    {
        var data = GlueTask.Load(TestPaths.RequireShared("data", "SST-2"), GlueSplit.Train);
        int[] lengths = [.. data.Take(10_000).Examples.Select(e => 2 + e.Text.Count(c => c == ' '))];
        var share = BatchPlan.PaddingShare(lengths, new BatchPlan(lengths, 32, BatchOrder.Bucketed, 42).Epoch(0));
        Assert.True(share < 0.05, $"{share:P2}");
    }

    [Fact]
    public void A_Small_Dataset_Keeps_Batches_Of_Mixed_Lengths()
    {
        // CoLA's size: sorted whole, nine batches in ten would hold one length alone, and what is learnt from them scores worse.
        int[] lengths =
            [.. Enumerable.Range(0, 8_551).Select(i => 5 + (int)(40 * Math.Pow(new SeededRandom(2, (ulong)i).NextDouble(), 3)))];
        var batches = new BatchPlan(lengths, 32, BatchOrder.Bucketed, 42).Epoch(0);
        Assert.InRange(batches.Count(batch => batch.Select(row => lengths[row]).Distinct().Count() == 1), 0, batches.Count / 2);
    }

    [Theory]
    [InlineData(32, 16, 0, 512, 32)] // fits
    [InlineData(32, 17, 0, 512, 16)]
    [InlineData(32, 33, 0, 512, 8)]
    [InlineData(5, 128, 0, 512, 4)]
    [InlineData(32, 600, 0, 512, 1)]
    [InlineData(32, 600, 0, 0, 32)] // no limit
    [InlineData(32, 12, 20, 512, 16)] // 20 virtual tokens before each row
    [InlineData(32, 12, 20, 0, 32)]
    public void Large_Batches_Go_Through_In_Parts_Of_A_Power_Of_Two(int rows, int tokens, int added, int limit, int expected)
    {
        using var batch = new TokenBatch
        {
            InputIds = torch.zeros(rows, tokens, torch.int64),
            AttentionMask = torch.ones(rows, tokens, torch.int64),
        };
        using var scope = torch.NewDisposeScope();
        var parts = batch.Split(limit, added);
        Assert.All(parts.SkipLast(1), part => Assert.Equal(expected, part.Rows));
        Assert.Equal(rows, parts.Sum(part => part.Rows));
        Assert.InRange(parts[^1].Rows, 1, expected);
    }
}
