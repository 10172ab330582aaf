namespace PeftSharp.Data;

/// <summary>The parts of a GLUE task.</summary>
public enum GlueSplit
{
    /// <summary>Training rows.</summary>
    Train,

    /// <summary>Development rows; of MNLI, those matched to the training genres.</summary>
    Dev,

    /// <summary>MNLI's development rows of other genres.</summary>
    DevMismatched,

    /// <summary>Test rows, unlabelled.</summary>
    Test,
}
