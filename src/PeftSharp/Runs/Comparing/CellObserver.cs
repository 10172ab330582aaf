using PeftSharp.Hub;
using PeftSharp.Training;

namespace PeftSharp.Runs.Comparing;

/// <summary>What of a cell is worth telling who watches the whole comparison: steps and transfers, not its remarks.</summary>
internal sealed class CellObserver(RunObserver observer) : RunObserver
{
    public override void Started(RunPlan plan) => observer.Started(plan);

    public override void StepCompleted(StepReport step) => observer.StepCompleted(step);

    public override void Evaluated(long step, EvaluationResult result, bool isBest) => observer.Evaluated(step, result, isBest);

    public override void Warn(string sentence) => observer.Warn(sentence);

    public override void TransferStarting(HubRepository repository, IReadOnlyList<HubTransferFile> files) =>
        observer.TransferStarting(repository, files);

    public override void Transferred(string file, long bytes) => observer.Transferred(file, bytes);
}
