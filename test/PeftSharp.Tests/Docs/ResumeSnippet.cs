using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Runs;
using PeftSharp.Runs.Identity;
using PeftSharp.Training;
using PeftSharp.Training.Resume;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippet of docs/resume.md.</summary>
internal static class ResumeSnippet
{
    internal static void Train(PeftModel model, PeftMethod adapter, TrainerOptions options, BatchPlan plan, TokenizedDataset rows)
    {
        var store = new CheckpointStore("runs/mine-checkpoints", limit: 2);
        var identity = RunIdentity.Of(model, adapter, options, plan, rows);
        var log = new JsonLinesLog("training_log.jsonl");
        using var trainer = new Trainer(new TrainableAdapter(model, adapter), new PlannedBatches(rows, plan), options, null, log,
            new CheckpointWriter(store, identity, new CheckpointOptions { Moment = SaveMoment.Steps, Steps = 100 }, log));
        using (var checkpoint = store.Newest(Console.Error.WriteLine))
        {
            checkpoint?.Run.Require(identity, checkpoint.Path!);
            if (checkpoint is not null) trainer.Import(checkpoint.Snapshot);
        }
        trainer.Run();
    }
}
