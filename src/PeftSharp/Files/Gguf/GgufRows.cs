namespace PeftSharp.Files.Gguf;

/// <summary>Orders in which GGUF files keep the rows of an attention's maps, beside those of Hugging Face.</summary>
internal static class GgufRows
{
    /// <summary>Rows of which the two halves of a head are interleaved in the file (Llama's queries and keys).</summary>
    /// <param name="rows">Number of rows.</param>
    /// <param name="heads">Heads that they belong to.</param>
    /// <param name="toFile">True: for each row of the file, the row of Hugging Face. False: for each of theirs, the file's.</param>
    /// <returns>The rows; empty where the heads do not divide them.</returns>
    public static long[] Interleaved(long rows, int heads, bool toFile)
    {
        if (rows % (2L * heads) != 0) return [];
        var (width, order) = (rows / heads, new long[rows]);
        for (var row = 0L; row < rows; row++)
        {
            var (head, at) = (row / width, row % width);
            var other = toFile ? at % 2 * (width / 2) + at / 2 : at % (width / 2) * 2 + at / (width / 2);
            order[row] = head * width + other;
        }
        return order;
    }

    /// <summary>
    /// Rows that Hugging Face has by groups of heads, queries then a key then a value, and the file all queries, all keys, all values
    /// (Falcon's one map).
    /// </summary>
    /// <param name="rows">Number of rows.</param>
    /// <param name="heads">Heads of the queries.</param>
    /// <param name="groups">Groups: heads of the keys.</param>
    /// <param name="toFile">As above.</param>
    /// <returns>The rows; empty where the heads do not divide them.</returns>
    public static long[] Grouped(long rows, int heads, int groups, bool toFile)
    {
        if (heads % groups != 0 || rows % (heads + 2L * groups) != 0) return [];
        var (width, each) = (rows / (heads + 2L * groups), heads / groups);
        var order = new long[rows];
        for (var row = 0L; row < rows; row++)
        {
            var (head, at) = (row / width, row % width);
            // The head of Hugging Face that stands at this place of the file.
            var other = head < heads ? head / each * (each + 2) + head % each
                : (head - heads) % groups * (each + 2) + each + (head - heads) / groups;
            if (toFile) order[row] = other * width + at;
            else order[other * width + at] = row;
        }
        return order;
    }
}
