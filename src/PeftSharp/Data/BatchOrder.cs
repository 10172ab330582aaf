
namespace PeftSharp.Data;

/// <summary>How the rows of an epoch are put into batches.</summary>
public enum BatchOrder
{
    /// <summary>Rows in random order.</summary>
    Shuffled,

    /// <summary>Rows of like length together, batches in random order: little padding (Hugging Face's group_by_length).</summary>
    Bucketed,

    /// <summary>Rows in file order, every epoch alike.</summary>
    Sequential,
}
