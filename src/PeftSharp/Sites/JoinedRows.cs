using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Rows of one batch whose adapters differ and whose plug-ins at one site are computed at once.</summary>
/// <remarks>
/// It lives for one site in one call and keeps nothing: stacking small tensors costs less than knowing when a kept stack is stale.
/// </remarks>
internal sealed class JoinedRows
{
    // A stack repeats an adapter's tensors for each of its rows: with more rows than this each, computing adapter by adapter is cheaper.
    private const int MostRowsEach = 16;

    private readonly (object Plugin, ForwardContext Context)[] _members;
    private readonly int[] _memberOfRow;

    private JoinedRows((object Plugin, ForwardContext Context)[] members, int[] memberOfRow, Tensor? index, ForwardContext unadapted) =>
        (_members, _memberOfRow, Index, Unadapted) = (members, memberOfRow, index, unadapted);

    /// <summary>Index (int64) of the rows in the batch; null for all of them.</summary>
    public Tensor? Index { get; }

    /// <summary>The call for what no adapter changes.</summary>
    public ForwardContext Unadapted { get; }

    /// <summary>One of the plug-ins.</summary>
    public object First => _members[0].Plugin;

    /// <summary>Number of rows.</summary>
    public int Count => _memberOfRow.Length;

    /// <summary>Joins what can be computed at once.</summary>
    /// <param name="shares">What acts in the call at one site, those of the same rows beside each other.</param>
    /// <param name="context">The call.</param>
    /// <param name="others">What has to be computed by itself.</param>
    public static IReadOnlyList<JoinedRows> Of<T>(ReadOnlySpan<Share<T>> shares, ForwardContext context, out ReadOnlySpan<Share<T>> others)
    {
        others = shares;
        if (!context.Selection.IsPerRow || shares.Length < 2) return [];
        var groups = new Dictionary<object, List<Share<T>>>();
        var alone = new List<Share<T>>();
        for (var i = 0; i < shares.Length; i++)
        {
            var key = IsOnly(shares, i) && shares[i].Weight == 1 && shares[i].Plugin is IJoinable plugin
                ? plugin.JoinKey(shares[i].Context)
                : null;
            if (key is null) alone.Add(shares[i]);
            else if (groups.TryGetValue(key, out var group)) group.Add(shares[i]);
            else groups[key] = [shares[i]];
        }
        var joined = new List<JoinedRows>();
        foreach (var group in groups.Values)
        {
            if (group.Count > 1 && Join(group, context) is { } rows) joined.Add(rows);
            else alone.AddRange(group);
        }
        if (joined.Count > 0) others = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(alone);
        return joined;
    }

    /// <summary>A tensor of each plug-in for the rows that it acts on, [rows, …].</summary>
    /// <param name="read">Reads it.</param>
    /// <param name="dimension">The dimension in which sizes may differ (ranks): what is smaller is filled up with zeros.</param>
    public Tensor Stack<T>(Func<T, ForwardContext, Tensor> read, int dimension = 0)
    {
        Tensor[] each = [.. _members.Select(member => read((T)member.Plugin, member.Context))];
        var size = each.Max(value => value.shape[dimension]);
        for (var i = 0; i < each.Length; i++) each[i] = Filled(each[i], dimension, size);
        return cat([.. _memberOfRow.Select(member => each[member])]).view([Count, .. each[0].shape]);
    }

    /// <summary>A number of each plug-in: the number where all have the same, else null.</summary>
    public double? Common<T>(Func<T, double> read)
    {
        var first = read((T)First);
        return Array.TrueForAll(_members, member => read((T)member.Plugin) == first) ? first : null;
    }

    /// <summary>A number of each plug-in for the rows that it acts on, [rows, 1, 1].</summary>
    public Tensor Numbers<T>(Func<T, double> read, ScalarType type, Device device) =>
        tensor([.. _memberOfRow.Select(member => read((T)_members[member].Plugin))], [Count, 1, 1], type, device);

    private static Tensor Filled(Tensor value, int dimension, long size)
    {
        var shape = value.shape;
        if (shape[dimension] == size) return value;
        shape[dimension] = size - shape[dimension];
        return cat([value, zeros(shape, value.dtype, value.device)], dimension);
    }

    private static JoinedRows? Join<T>(List<Share<T>> group, ForwardContext context)
    {
        var selection = context.Selection;
        var memberOf = new Dictionary<int, int>();
        for (var i = 0; i < group.Count; i++) memberOf[group[i].Part] = i;
        var (rows, members) = (new List<long>(), new List<int>());
        for (var row = 0; row < selection.Rows; row++)
        {
            if (!memberOf.TryGetValue(selection.PartOfRow(row), out var member)) continue;
            rows.Add(row);
            members.Add(member);
        }
        if (rows.Count > MostRowsEach * group.Count) return null;
        var index = rows.Count == selection.Rows ? null : tensor(rows.ToArray(), int64, device: context.Device);
        return new([.. group.Select(share => ((object)share.Plugin!, share.Context))], [.. members], index, context.WithoutAdapters());
    }

    // Plug-ins that act on the same rows act one after the other.
    private static bool IsOnly<T>(ReadOnlySpan<Share<T>> shares, int at) =>
        (at == 0 || shares[at - 1].Part != shares[at].Part) && (at == shares.Length - 1 || shares[at + 1].Part != shares[at].Part);
}
