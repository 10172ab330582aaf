namespace PeftSharp.Training;

/// <summary>Watches a training run.</summary>
public interface ITrainingObserver
{
    /// <summary>Before the first step.</summary>
    void Started(RunPlan plan) { }

    /// <summary>After an optimizer step.</summary>
    void StepCompleted(StepReport report) { }

    /// <summary>After an evaluation.</summary>
    void Evaluated(long step, EvaluationResult result, bool isBest) { }

    /// <summary>After a step and the evaluation that belongs to it: <see cref="Trainer.Export"/> gives a state to go on from.</summary>
    void AtRest(Trainer trainer) { }

    /// <summary>After the caller asked to stop before the end; the state is one to go on from.</summary>
    void Interrupted(Trainer trainer) { }

    /// <summary>After the last step.</summary>
    void Finished(TrainingResult result) { }
}
