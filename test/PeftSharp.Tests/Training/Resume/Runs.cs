using PeftSharp.Data;
using PeftSharp.Tests.Files;
using PeftSharp.Training;
using PeftSharp.Training.Resume;

namespace PeftSharp.Tests.Training.Resume;

/// <summary>Short runs of the toy model, and their checkpoints in a temporary folder.</summary>
internal sealed class Runs : IDisposable
{
    private readonly TempFolder _folder = new();

    public static readonly TrainerOptions Options = new() { LearningRate = 0.01, Epochs = 3, Accumulation = 2, Seed = 11 };

    public static readonly IBatchSource Data = new ToyBatches(26, 4);

    public static readonly RunFingerprint Fingerprint = new([new("method", "TOY"), new("seed", "11")], "here");

    public string Root => _folder.File("checkpoints");

    public string Folder(long step) => Path.Combine(Root, $"checkpoint-{step}");

    /// <summary>Runs to a step, saving after each, and stops there.</summary>
    public void Save(int steps, int limit = 10, TrainerOptions? options = null, IEvaluator? evaluator = null)
    {
        using var model = new ToyModel();
        using var stop = new CancellationTokenSource();
        var writer = new CheckpointWriter(new(Root, limit), Fingerprint, new() { Moment = SaveMoment.Steps, Steps = 1 });
        using var trainer = new Trainer(model, Data, options ?? Options, evaluator, new StopAfter(steps, stop), writer);
        trainer.Run(stop.Token);
    }

    /// <summary>Goes on from the newest good checkpoint in a process's stead: with a model that holds other numbers.</summary>
    public (float[] Values, TrainingResult Result, List<string> Remarks) GoOn(TrainerOptions? options = null, IEvaluator? evaluator = null)
    {
        List<string> remarks = [];
        using var same = new ToyModel();
        using var model = new ToyModel(seed: 99);
        model.Table.copy_(same.Table);
        using var checkpoint = new CheckpointStore(Root).Newest(remarks.Add)!;
        using var trainer = new Trainer(model, Data, options ?? Options, evaluator);
        trainer.Import(checkpoint.Snapshot);
        var result = trainer.Run();
        return (model.Values(), result, remarks);
    }

    /// <summary>What a run gives that never stops.</summary>
    public static float[] Whole(TrainerOptions? options = null, IEvaluator? evaluator = null)
    {
        using var model = new ToyModel();
        using var trainer = new Trainer(model, Data, options ?? Options, evaluator);
        trainer.Run();
        return model.Values();
    }

    public void Dispose() => _folder.Dispose();

    // After the step's evaluation.
    private sealed class StopAfter(int steps, CancellationTokenSource stop) : ITrainingObserver
    {
        public void AtRest(Trainer trainer)
        {
            if (trainer.State.Step == steps) stop.Cancel();
        }
    }
}
