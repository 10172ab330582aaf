namespace PeftSharp.Data;

/// <summary>The parts of a dataset, by the names of GLUE.</summary>
public enum GlueSplit
{
    /// <summary>Training rows.</summary>
    Train,

    /// <summary>Development rows, elsewhere called validation; of MNLI, those matched to the training genres.</summary>
    Dev,

    /// <summary>MNLI's development rows of other genres.</summary>
    DevMismatched,

    /// <summary>Test rows, unlabelled in GLUE.</summary>
    Test,
}
