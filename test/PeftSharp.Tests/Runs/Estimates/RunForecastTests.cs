using CsCheck;
using PeftSharp.Data;
using PeftSharp.Runs.Estimates;
using PeftSharp.Tests.Training;
using PeftSharp.Training;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Runs.Estimates;

/// <summary>What is counted before a run is what the trainer then does.</summary>
public sealed class RunForecastTests
{
    [Fact]
    public void Counts_Are_Those_Of_The_Run() =>
        Gen.Select(
            Gen.Int[1, 40], Gen.Int[1, 9], Gen.Int[1, 4], Gen.Double[0.1, 2.6], Gen.Int[0, 9], Gen.Select(Gen.Int[0, 60], Gen.Int[0, 5]),
            Gen.Enum<EvaluationMoment>(), Gen.Enum<BatchOrder>())
            .Sample((rows, size, accumulation, epochs, maxSteps, pass, moment, order) =>
            {
                var (tokensPerPass, added) = pass;
                int[] lengths = [.. Enumerable.Range(0, rows).Select(i => 1 + i * 7 % 13)];
                var options = new TrainerOptions
                {
                    Accumulation = accumulation,
                    Epochs = epochs,
                    MaxSteps = maxSteps,
                    TokensPerPass = tokensPerPass,
                    Evaluation = moment,
                    EvaluationSteps = 3,
                };
                var plan = new BatchPlan(lengths, size, order, 5);
                var forecast = new RunForecast(lengths, plan, options, 64, scored: true, added);

                using var model = new ToyModel { AddedTokens = added };
                var batches = new Counted(lengths, plan);
                var evaluator = new ScriptedEvaluator(0.5);
                using var trainer = new Trainer(model, batches, options, evaluator);
                var result = trainer.Run();
                Assert.Equal(
                    (
                        result.Steps, (long)batches.Count, result.Samples, result.Tokens, batches.Padded,
                        (long)model.Calls.Count(c => c.StartsWith("loss", StringComparison.Ordinal)), (long)evaluator.Count),
                    (
                        forecast.Steps, forecast.Batches, forecast.Rows, forecast.Tokens, forecast.PaddedTokens, forecast.Passes,
                        forecast.Evaluations));
                Assert.Equal(1 - (double)result.Tokens / batches.Padded, forecast.PaddingShare, 12);
            }, iter: 150, threads: 1);

    [Fact]
    public void Many_Epochs_Are_Counted_By_Their_First_Ones()
    {
        int[] lengths = [.. Enumerable.Range(0, 4_000).Select(i => 1 + i % 13)];
        var forecast = new RunForecast(
            lengths, new BatchPlan(lengths, 1, BatchOrder.Bucketed, 5), new TrainerOptions { Epochs = 1000 }, 64, scored: false);
        Assert.Equal(
            (4_000_000, 4_000_000, 1000L * lengths.Sum(), 0), (forecast.Steps, forecast.Rows, forecast.Tokens, forecast.Evaluations));
    }

    private sealed class Counted(int[] lengths, BatchPlan plan) : IBatchSource
    {
        public int Count { get; private set; }

        public long Padded { get; private set; }

        public int Examples => lengths.Length;

        public int BatchesPerEpoch => plan.BatchesPerEpoch;

        public TokenBatch Batch(int epoch, int index)
        {
            var rows = plan.Epoch(epoch)[index];
            var width = rows.Max(r => lengths[r]);
            Count++;
            Padded += rows.Length * width;
            var real = rows.Sum(r => lengths[r]);
            return new()
            {
                InputIds = ones([rows.Length, width], ScalarType.Int64),
                AttentionMask = tensor(
                    [.. rows.SelectMany(r => Enumerable.Range(0, width).Select(t => t < lengths[r] ? 1L : 0))], [rows.Length, width]),
                Labels = zeros([rows.Length], ScalarType.Int64),
                Source = rows,
                RealTokens = real,
                Unpadded = real == rows.Length * width,
            };
        }
    }
}
