using PeftSharp.Training;

namespace PeftSharp.Runs;

/// <summary>Passes steps on, and nothing else.</summary>
internal sealed class StepObserver(IProgress<StepReport> progress) : RunObserver
{
    public override void StepCompleted(StepReport step) => progress.Report(step);
}
