namespace PeftSharp.Runs.Comparing;

/// <summary>A search for a method's learning rate: the same rates, rows and epochs for every method, on training rows alone.</summary>
/// <param name="Rates">The rates to try.</param>
/// <param name="Take">Training rows to train on; half as many others, training rows too, are scored on.</param>
/// <param name="Epochs">Passes over them.</param>
public sealed record RateSearch(IReadOnlyList<double> Rates, int Take, double Epochs);
