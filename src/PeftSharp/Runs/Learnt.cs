using PeftSharp.Data;

namespace PeftSharp.Runs;

/// <summary>What the numbers of a run say about whether it learnt anything.</summary>
internal enum Learnt
{
    /// <summary>More than guessing gives.</summary>
    Something,

    /// <summary>No more than guessing by the shares of the classes gives (by the mean, for numbers).</summary>
    AtChance,

    /// <summary>Every row is answered with one class.</summary>
    OneAnswer,

    /// <summary>The loss is no finite number.</summary>
    Diverged,
}
