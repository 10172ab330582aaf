namespace PeftSharp.Methods.Reparameterized.Boft;

/// <summary>The orders in which the factors of BOFT take the numbers that a map reads.</summary>
internal static class Butterfly
{
    /// <summary>Which number stands at each place of a factor.</summary>
    /// <param name="width">Numbers that the map reads.</param>
    /// <param name="blocks">Blocks of each factor.</param>
    /// <param name="size">Numbers of a block.</param>
    /// <param name="factor">Which factor, from 0.</param>
    /// <param name="factors">How many there are; a single one leaves the order as it is.</param>
    public static long[] Order(long width, long blocks, long size, int factor, int factors)
    {
        var order = new long[width];
        for (var i = 0L; i < width; i++) order[i] = i;
        if (factors == 1) return order;
        // Halves of blocks are dealt out within groups that double from factor to factor: first the even ones, then the odd ones.
        var (half, group) = (size / 2, width / (blocks >> factor));
        var halves = group / half;
        for (var start = 0L; start < width; start += group)
            for (var place = 0L; place < halves; place++)
            {
                var evens = (halves + 1) / 2;
                var from = place < evens ? 2 * place : 2 * (place - evens) + 1;
                for (var i = 0L; i < half; i++) order[start + place * half + i] = start + from * half + i;
            }
        return order;
    }

    /// <summary>The order that undoes an order.</summary>
    public static long[] Inverse(long[] order)
    {
        var inverse = new long[order.Length];
        for (var i = 0L; i < order.Length; i++) inverse[order[i]] = i;
        return inverse;
    }
}
