namespace PeftSharp.Runs.Comparing;

/// <summary>Runs the cells of a comparison.</summary>
public interface ICellRunner
{
    /// <summary>Runs a cell to its end; one that was interrupted goes on from its last checkpoint.</summary>
    /// <param name="recipe">The cell's recipe.</param>
    /// <param name="folder">Where its results go.</param>
    /// <returns>Null where it succeeded; else the sentence with which it failed.</returns>
    /// <exception cref="OperationCanceledException">The comparison was interrupted; the cell is not finished.</exception>
    string? Run(string recipe, string folder);
}
