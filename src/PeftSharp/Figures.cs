using System.Globalization;

namespace PeftSharp;

/// <summary>Numbers as people read them, alike in every culture.</summary>
public static class Figures
{
    /// <summary>A whole number in groups of three: <c>1,234,567</c>.</summary>
    public static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A score with four digits; <c>n/a</c> for none.</summary>
    public static string Score(double value) => double.IsNaN(value) ? "n/a" : value.ToString("0.0000", CultureInfo.InvariantCulture);

    /// <summary>A small number by its power of ten: <c>3.2e-7</c>.</summary>
    public static string Small(double value) => value.ToString("0.0e+0", CultureInfo.InvariantCulture);

    /// <summary>Bytes in the unit that suits them: <c>12.5 MB</c>.</summary>
    public static string Bytes(long bytes) => bytes switch
    {
        < 1 << 10 => $"{bytes} B",
        < 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.0} KB"),
        < 1 << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1073741824.0:0.00} GB"),
    };

    /// <summary>A time as minutes and seconds, with hours where there are any: <c>1:02:03</c>.</summary>
    public static string Time(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes:00}:{time.Seconds:00}");
}
