using System.Text;
using PeftSharp.Cli.Terminal;
using ScottPlot;
using SkiaSharp;

namespace PeftSharp.Cli.Pictures;

/// <summary>What all pictures have in common: legends beside the data, names that fit, fonts that have their letters.</summary>
internal static class PictureStyle
{
    private const int MostInLegend = 12, LegendCells = 28;
    private const float CellPixels = 8.2f;

    /// <summary>Colours of series, told from each other in print too.</summary>
    public static readonly Color[] Palette =
    [
        Color.FromHex("#1f5f99"), Color.FromHex("#d9822b"), Color.FromHex("#4b8b57"), Color.FromHex("#b3446c"), Color.FromHex("#6f5aa8"),
        Color.FromHex("#8a6d3b"), Color.FromHex("#2a9d9d"), Color.FromHex("#777777"),
    ];

    /// <summary>Puts the legend outside of the data: below it where it is short, at its right else.</summary>
    public static void Legend(Plot plot)
    {
        var names =
            plot.PlottableList.SelectMany(p => p.LegendItems).Select(i => i.LabelText).Where(n => !string.IsNullOrEmpty(n)).ToList();
        if (names.Count == 0) return;
        var isShort = names.Sum(n => TextWidth.Of(n) + 6) <= 100;
        plot.Legend.OutlineColor = Colors.Transparent;
        plot.Legend.ShadowColor = Colors.Transparent;
        plot.Legend.FontSize = 14;
        plot.Legend.Orientation = isShort ? Orientation.Horizontal : Orientation.Vertical;
        plot.ShowLegend(isShort ? Edge.Bottom : Edge.Right);
    }

    /// <summary>The name of a series in a legend; empty for some of many series in order, of which evenly spread ones are named.</summary>
    public static string Series(string name, int index, int count)
    {
        var step = (count - 1) / (double)(MostInLegend - 1);
        var isNamed = count <= MostInLegend || Enumerable.Range(0, MostInLegend).Any(i => (int)Math.Round(i * step) == index);
        return isNamed ? Names([name], LegendCells)[0] : "";
    }

    /// <summary>Gives every text of the plot a font that has its letters.</summary>
    public static void Fonts(Plot plot, IEnumerable<string> texts)
    {
        if (FontFor(string.Concat(texts)) is { } font) plot.Font.Set(font);
    }

    /// <summary>Names as they can be drawn: shortened, and by number where no font of this system has their letters.</summary>
    public static string[] Names(IReadOnlyList<string> names, int cells) =>
        CanDraw(string.Concat(names))
            ? [.. names.Select(n => TextWidth.Shorten(n, cells))]
            : [.. names.Select((n, i) => CanDraw(n) ? TextWidth.Shorten(n, cells) : $"#{i + 1}")];

    /// <summary>What a title adds where names were numbered: in which order, and why.</summary>
    public static string Numbered(IReadOnlyList<string> names) =>
        CanDraw(string.Concat(names)) ? "" : " (#1 is the first class: no font here has all letters of their names)";

    /// <summary>Pixels that the longest of some names takes in letters of the usual size.</summary>
    public static int Pixels(IEnumerable<string> names, float fontSize = 14) =>
        (int)(names.Max(TextWidth.Of) * CellPixels * fontSize / 14) + 12;

    /// <summary>Slants the names below an axis where they would run into each other; returns the pixels that they then take.</summary>
    public static int Slant(IAxis axis, IReadOnlyList<string> names, float room, float fontSize = 14)
    {
        var longest = Pixels(names, fontSize);
        if (longest <= room) return 40;
        axis.TickLabelStyle.Rotation = -40;
        axis.TickLabelStyle.Alignment = Alignment.MiddleRight;
        return (int)(longest * 0.68) + 24;
    }

    /// <summary>Pixels left of an axis that the first of slanted names below it takes.</summary>
    public static int Overhang(IReadOnlyList<string> names, float room) =>
        Pixels(names) <= room ? 0 : (int)(Pixels(names.Take(1)) * 0.78f - room / 2) + 12;

    /// <summary>True if some font of this system has all letters of a text.</summary>
    public static bool CanDraw(string text) => text.EnumerateRunes().All(rune => rune.IsAscii || Has(rune));

    private static string? FontFor(string text) => text.All(char.IsAscii) ? null : ScottPlot.Fonts.Detect(text);

    private static bool Has(Rune rune)
    {
        using var typeface = SKFontManager.Default.MatchCharacter(rune.Value);
        return typeface is not null && typeface.ContainsGlyph(rune.Value);
    }
}
