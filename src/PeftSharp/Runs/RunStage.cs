namespace PeftSharp.Runs;

/// <summary>A part of a run that takes its time.</summary>
public enum RunStage
{
    /// <summary>Files come from a hub.</summary>
    Transfer,

    /// <summary>What lies below the adapter is computed once; progress counts rows.</summary>
    Trunk,

    /// <summary>The adapter is trained; progress comes step by step (<see cref="RunObserver.StepCompleted"/>).</summary>
    Training,

    /// <summary>A run of a comparison, or one of its searches.</summary>
    Cell,

    /// <summary>The model answers prompts, to be compared with the answers of the rows; progress counts prompts.</summary>
    Answering,
}
