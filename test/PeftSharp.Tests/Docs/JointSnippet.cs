using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Runs;
using PeftSharp.Runs.Joint;
using PeftSharp.Training;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippets of docs/joint.md, compiled.</summary>
internal static class JointSnippet
{
    internal static void Run(TextDataset rows, TextDataset held)
    {
        using var run = FineTuning.Of("models/bert-base").With(new LoraOptions { Rank = 16 })
            .OnTask("sst2", "data/SST-2")
            .OnTask("mrpc", "data/MRPC")
            .OnTask("tickets", rows, held)
            .Set("sampling_temperature", "2")
            .To("runs/both")
            .Run();
        Console.WriteLine(run.Scores!.Values["mrpc/f1"]);
        var mrpc = run.Extract("mrpc");          // an ordinary adapter of run.Model
        GC.KeepAlive(mrpc);
    }

    internal static void Parts(PeftModel model, IBatchSource sst2, IBatchSource similar)
    {
        var shared = new SharedAdapter(model, new LoraOptions(), [new("sst2", ["negative", "positive"]), new("similar", IsNumber: true)]);
        var batches = new JointBatches([sst2, similar], temperature: 2);
        using var trainer = new Trainer(new JointAdapters(model, shared.Tasks), batches, new TrainerOptions { Epochs = 3 });
        trainer.Run();
        AdapterFolder.Save(shared.Extract(0), "runs/sst2");
    }
}
