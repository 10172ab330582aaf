namespace PeftSharp.Cli.Terminal;

/// <summary>How the columns of a table share what room there is.</summary>
internal static class TableFit
{
    /// <summary>Cells that a column of texts keeps.</summary>
    public const int LeastText = 14;

    /// <summary>Widths between the least and the whole ones: what needs little gets it all, the rest is shared evenly.</summary>
    /// <param name="least">What each column needs.</param>
    /// <param name="whole">What each would take.</param>
    /// <param name="left">Cells beyond the least.</param>
    public static int[] Share(int[] least, int[] whole, int left)
    {
        var widths = least.ToArray();
        var open = Enumerable.Range(0, widths.Length).Where(i => whole[i] > widths[i]).OrderBy(i => whole[i] - widths[i]).ToList();
        for (var done = 0; done < open.Count; done++)
        {
            var column = open[done];
            var more = Math.Min(whole[column] - widths[column], left / (open.Count - done));
            widths[column] += more;
            left -= more;
        }
        return widths;
    }
}
