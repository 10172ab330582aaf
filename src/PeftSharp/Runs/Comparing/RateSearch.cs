namespace PeftSharp.Runs.Comparing;

/// <summary>A search for a method's learning rate: the same rates, rows and epochs for every method, on training rows alone.</summary>
/// <param name="Rates">The rates to try.</param>
/// <param name="Take">Training rows to train on; half as many others, training rows too, are scored on.</param>
/// <param name="Epochs">Passes over them.</param>
public sealed record RateSearch(IReadOnlyList<double> Rates, int Take, double Epochs)
{
    /// <summary>A search over the given rates, checked and in order.</summary>
    /// <param name="rates">Two or more different numbers above 0.</param>
    /// <param name="rows">Training rows to train on, 20 at least; null for 2000.</param>
    /// <param name="epochs">Passes over them, above 0; null for 1.</param>
    /// <param name="where">What the rates are called in a message.</param>
    /// <exception cref="SettingsException">A number is out of range.</exception>
    public static RateSearch Over(IReadOnlyList<double> rates, double? rows = null, double? epochs = null, string where = "learning_rates")
    {
        if (rates.Count < 2 || rates.Distinct().Count() != rates.Count || rates.Any(r => !(r > 0) || !double.IsFinite(r)))
            throw new SettingsException($"{where} needs two or more different numbers above 0, such as 1e-4,5e-4,2e-3.");
        if (rows is { } given && (given < 20 || given != Math.Floor(given)))
            throw new SettingsException($"search_rows is {rows}; expected a whole number of at least 20.");
        if (epochs is <= 0) throw new SettingsException($"search_epochs is {epochs}; expected a number above 0.");
        return new([.. rates.Order()], (int)(rows ?? 2000), epochs ?? 1);
    }
}
