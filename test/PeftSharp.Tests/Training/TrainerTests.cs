using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Training;

public sealed class TrainerTests
{
    private static readonly TrainerOptions Options = new()
    {
        LearningRate = 0.01,
        Epochs = 3,
        Accumulation = 2,
        WeightDecay = 0.1,
        Seed = 11,
    };

    [Fact]
    public void Loss_Falls_And_Hooks_Come_In_Order()
    {
        using var model = new ToyModel(dropout: 0);
        var recorder = new Recorder();
        using var trainer = new Trainer(model, new ToyBatches(24, 4), Options with { Epochs = 60 }, null, recorder);
        var result = trainer.Run();
        Assert.Equal(180, result.Steps);
        Assert.InRange(recorder.Steps[^3..].Average(s => s.Loss), 0, 0.85 * recorder.Steps[..3].Average(s => s.Loss));
        Assert.Equal(["loss 0.0", "loss 0.1", "after backward 0", "before step 0", "after step 0", "loss 1.0"], model.Calls[..6]);
        Assert.All(model.Parameters, p => Assert.Null(p.Value.grad));
    }

    [Theory]
    [InlineData(12, 1, 12)]
    [InlineData(12, 3, 4)]
    [InlineData(12, 4, 12)] // an epoch has fewer batches than a step may take
    [InlineData(13, 5, 3)] // micro-batches of 3, 3, 3, 3 and 1
    [InlineData(13, 1, 13, 20)] // four rows of five tokens a pass: 4, 4, 4 and 1
    [InlineData(13, 2, 7, 12)]
    [InlineData(13, 1, 13, 1)] // a row a pass at least
    public void Accumulation_And_Passes_Equal_One_Large_Batch(int examples, int accumulation, int size, int tokensPerPass = 0)
    {
        var pairs = Train(1, examples, 0).Zip(Train(accumulation, size, tokensPerPass));
        Assert.All(pairs, pair => Assert.Equal(pair.First, pair.Second, 1e-5f));

        float[] Train(int micro, int batch, int tokens)
        {
            using var model = new ToyModel(dropout: 0);
            using var trainer = new Trainer(
                model, new ToyBatches(examples, batch),
                Options with { Accumulation = micro, TokensPerPass = tokens, MaxSteps = 6, Epsilon = 1e-3 });
            trainer.Run();
            return model.Values();
        }
    }

    [Theory]
    [InlineData("adamw", 1)]
    [InlineData("adamw", 7)]
    [InlineData("sgd", 5)]
    public void Stopping_And_Going_On_Equals_Never_Stopping_Bit_For_Bit(string optimizer, int stopAfter)
    {
        var options = Options with { Optimizer = optimizer, Momentum = 0.9 };
        var data = new ToyBatches(26, 4);
        using var whole = new ToyModel();
        using (var trainer = new Trainer(whole, data, options)) trainer.Run();

        using var first = new ToyModel();
        using var cancel = new CancellationTokenSource();
        using var begun = new Trainer(first, data, options, null, new Recorder(r => { if (r.Step == stopAfter) cancel.Cancel(); }));
        var stopped = begun.Run(cancel.Token);
        Assert.True(stopped.Stopped);
        Assert.Equal(stopAfter, stopped.Steps);
        using var snapshot = begun.Export();

        // Another object, started elsewhere, as after a restart of the program.
        using var second = new ToyModel(seed: 99);
        second.Table.copy_(first.Table);
        using var resumed = new Trainer(second, data, options);
        resumed.Import(snapshot);
        Assert.Equal(12, resumed.Run().Steps);
        Assert.Equal(whole.Values(), second.Values());
        Assert.Equal(whole.MethodState["count"].item<float>(), second.MethodState["count"].item<float>());
    }

    [Fact]
    public void No_Tensor_Is_Left_Behind()
    {
        using var model = new ToyModel();
        List<long> live = [];
        var record = new Recorder(_ => live.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount));
        using var trainer = new Trainer(model, new ToyBatches(24, 4), Options with { MaxSteps = 50 }, null, record);
        trainer.Run();
        Assert.Equal(live[2], live[^1]);
    }

    [Fact]
    public void A_Loss_That_Is_No_Number_Stops_With_The_Weights_Before_It()
    {
        using var good = new ToyModel();
        using (
            var trainer = new Trainer(
                good, new ToyBatches(24, 4), Options, null,
                new Recorder(r => { if (r.Step == 4) throw new OperationCanceledException(); })))
            Assert.Throws<OperationCanceledException>(() => trainer.Run());
        using var bad = new ToyModel { PoisonAtStep = 4 };
        using var poisoned = new Trainer(bad, new ToyBatches(24, 4), Options);
        var e = Assert.Throws<PeftException>(() => poisoned.Run());
        Assert.Contains("step 5", e.Message);
        Assert.Equal(good.Values(), bad.Values());
    }

    [Fact]
    public void The_Best_Weights_Come_Back_And_A_Run_Without_Progress_Ends_Early()
    {
        using var model = new ToyModel();
        var record = new Recorder();
        float[] best = [];
        var options =
            Options with { Evaluation = EvaluationMoment.Steps, EvaluationSteps = 1, Patience = 2, Accumulation = 1, Epochs = 10 };
        using var trainer = new Trainer(
            model, new ToyBatches(24, 4), options, new ScriptedEvaluator(0.1, 0.5, 0.3, 0.4),
            new Recorder(r => { if (r.Step == 2) best = model.Values(); }), record);
        var result = trainer.Run();
        Assert.True(result.EarlyStopped);
        Assert.False(result.Stopped);
        Assert.Equal(4, result.Steps);
        Assert.Equal(2, result.BestStep);
        Assert.Equal(0.5, result.Evaluation!.Values["accuracy"]);
        Assert.Equal(best, model.Values());
        Assert.Equal([true, true, false, false], record.Evaluations.Select(e => e.Best));
    }

    [Fact]
    public void Settings_Out_Of_Range_Are_Refused_By_Name()
    {
        using var model = new ToyModel();
        foreach (var (options, name) in (IEnumerable<(TrainerOptions, string)>)
            [
                (Options with { LearningRate = 0 }, "learning_rate"), (Options with { Epochs = -1 }, "num_train_epochs"),
                (Options with { Schedule = "liner" }, "lr_scheduler_type"),
            ])
            Assert.Contains(name, Assert.Throws<PeftException>(() => new Trainer(model, new ToyBatches(24, 4), options)).Message);
    }
}
