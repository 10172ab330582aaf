namespace PeftSharp.Data;

/// <summary>What a dataset's labels are.</summary>
public enum LabelKind
{
    /// <summary>There are none.</summary>
    None,

    /// <summary>Each row belongs to one class.</summary>
    Class,

    /// <summary>Each row has a real number.</summary>
    Regression,

    /// <summary>The tokens of each row are its labels: those of answers, where rows are prompts with answers (instruction data).</summary>
    Tokens,

    /// <summary>Each row has any number of several classes at once, none included.</summary>
    MultiLabel,
}
