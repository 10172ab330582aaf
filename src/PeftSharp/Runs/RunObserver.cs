using PeftSharp.Hub;
using PeftSharp.Runs.Results;
using PeftSharp.Training;

namespace PeftSharp.Runs;

/// <summary>
/// Watches a run. Every member does nothing by default: override what is wanted. Remarks are sentences for a user; nothing of the library
/// writes to the console. An exception that a member throws ends the run.
/// </summary>
public class RunObserver
{
    internal static readonly RunObserver None = new();

    /// <summary>Something that a user may want to know: what was read, taken for granted, chosen, found out. Default: nothing.</summary>
    /// <param name="sentence">One line.</param>
    public virtual void Remark(string sentence) { }

    /// <summary>Something that a user should know, such as a checkpoint that could not be written. Default: a remark.</summary>
    /// <param name="sentence">One line.</param>
    public virtual void Warn(string sentence) => Remark(sentence);

    /// <summary>Everything is loaded and checked.</summary>
    /// <param name="parameters">How many weights are trained.</param>
    public virtual void Loaded(ParameterCount parameters) { }

    /// <summary>Runs a stage; override to show something around it. The work must be called once, and its result be returned.</summary>
    /// <param name="stage">Which stage.</param>
    /// <param name="title">Its name for a user.</param>
    /// <param name="work">The work.</param>
    public virtual T During<T>(RunStage stage, string title, Func<T> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        return work();
    }

    /// <summary>How far a stage is, where it is counted.</summary>
    /// <param name="stage">Which stage.</param>
    /// <param name="done">Done so far.</param>
    /// <param name="all">All there is.</param>
    public virtual void Progressed(RunStage stage, long done, long all) { }

    /// <summary>Before the first step.</summary>
    public virtual void Started(RunPlan plan) { }

    /// <summary>A run that was cut off is taken up again.</summary>
    /// <param name="curves">Losses and scores so far.</param>
    public virtual void Resumed(TrainingCurves curves) { }

    /// <summary>After an optimizer step.</summary>
    public virtual void StepCompleted(StepReport step) { }

    /// <summary>After rows were scored.</summary>
    /// <param name="step">Steps completed.</param>
    /// <param name="result">The scores.</param>
    /// <param name="isBest">True if they are the best so far.</param>
    public virtual void Evaluated(long step, EvaluationResult result, bool isBest) { }

    /// <summary>Files that are to be saved with the results, by name, such as a picture of the curves. Default: none.</summary>
    /// <param name="curves">Losses and scores.</param>
    public virtual IEnumerable<KeyValuePair<string, byte[]>> Attachments(TrainingCurves curves) => [];

    /// <summary>Files are going to be moved from a hub; may be called from several threads.</summary>
    public virtual void TransferStarting(HubRepository repository, IReadOnlyList<HubTransferFile> files) { }

    /// <summary>Bytes of a file have arrived; negative where a part has to be moved again. May be called from several threads.</summary>
    public virtual void Transferred(string file, long bytes) { }
}
