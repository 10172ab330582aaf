using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Keys and values that earlier calls computed, so that a call computes those of its new tokens alone.</summary>
/// <remarks>
/// It belongs to one model, one selection of adapters and one batch of sequences, and to one call at a time. What adapters put before a
/// sequence
/// (prefixes, prompts) comes in with the first call. It never carries gradients. Dispose it after the last call.
/// </remarks>
public sealed class KeyValueCache : IDisposable
{
    private readonly Dictionary<AttentionSite, CachedKeys> _own = [];
    private readonly Dictionary<AttentionSite, (Tensor Keys, Tensor Values)> _other = [];
    private Tensor? _padding;  // 1 at real keys, [rows, Length]; null while nothing is padded
    private Tensor? _counted;  // real tokens that have positions, [rows or 1, 1]
    private InputState? _source;
    private KeyValueCache? _first;

    /// <summary>Keys of a row that earlier calls left, virtual tokens included and prefixes not.</summary>
    internal long Length { get; private set; }

    /// <summary>What an encoder made of the sequence that is answered; null where there is none yet.</summary>
    internal InputState? Source
    {
        get => _source;
        set => _source = value is null ? null : Changed(value, tensor => Kept(tensor.alias()));
    }

    /// <summary>What the first passes of calls keep, where an adapter asks for them; it follows this one.</summary>
    internal KeyValueCache FirstPass => _first ??= new();

    /// <summary>Bytes that keys and values take.</summary>
    internal long Bytes => (_first?.Bytes ?? 0) + _own.Values.Sum(keys => keys.Bytes)
        + _other.Values.Sum(pair => pair.Keys.numel() * pair.Keys.element_size() + pair.Values.numel() * pair.Values.element_size());

    /// <summary>Takes new tokens in.</summary>
    /// <param name="mask">1 at the real ones, int64 [rows, tokens]; null where all are.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="tokens">New tokens of a row.</param>
    /// <returns>1 at the real ones of all keys so far, int64 [rows, keys]; null where all are. It stays the cache's.</returns>
    internal Tensor? Extend(Tensor? mask, long rows, long tokens)
    {
        var before = Length;
        Length += tokens;
        if (mask is null && _padding is null) return null;
        using var scope = NewDisposeScope();
        var device = (mask ?? _padding!).device;
        Tensor Ones(long count) => ones([rows, count], dtype: ScalarType.Int64, device: device);
        var all = cat([_padding ?? Ones(before), mask ?? Ones(tokens)], 1);
        _padding?.Dispose();
        return _padding = Kept(all);
    }

    /// <summary>
    /// Real tokens of each row before the new ones, int64 [rows or 1, 1], counting the new ones from now on; null for none.
    /// </summary>
    /// <param name="mask">1 at the real ones of the new tokens, int64 [rows, tokens]; null where all are.</param>
    /// <param name="tokens">New tokens of a row.</param>
    /// <param name="device">Where positions are computed.</param>
    internal Tensor? Count(Tensor? mask, long tokens, Device device)
    {
        using var scope = NewDisposeScope();
        var before = _counted;
        var added = mask is null ? Arithmetic.Filled([1, 1], tokens, ScalarType.Int64, device) : mask.sum(1, keepdim: true);
        _counted = Kept(before is null ? added.clone() : before.Plus(added));
        // The caller's scope releases what is no longer the cache's.
        if (before is null) return null;
        var handed = before.clone().MoveToOuterDisposeScope();
        before.Dispose();
        return handed;
    }

    /// <summary>
    /// Real tokens of each row so far, virtual ones included, int64 [rows or 1, 1]; null for none. Asked before <see cref="Extend"/>.
    /// </summary>
    /// <param name="device">Where the call computes.</param>
    internal Tensor? RealTokens(Device device) => Length == 0 ? null
        : _padding is { } padding ? padding.sum([1], keepdim: true)
        : Arithmetic.Filled([1, 1], Length, ScalarType.Int64, device);

    /// <summary>True if the site has left keys here.</summary>
    internal bool Holds(AttentionSite site) => _own.ContainsKey(site);

    /// <summary>Keeps the first keys and values of a site, prefixes included, each [rows, keyHeads, keys, headDim].</summary>
    internal void Start(AttentionSite site, Tensor keys, Tensor values) => _own.Add(site, new(keys, values));

    /// <summary>Puts new keys and values behind those of a site, and yields all of them; views that last until the next call.</summary>
    internal (Tensor Keys, Tensor Values) Append(AttentionSite site, Tensor keys, Tensor values) => _own[site].Append(keys, values);

    /// <summary>True if a site's keys lie so that <see cref="MakeRoom"/> can hand them out as numbers.</summary>
    internal bool HoldsNumbers(AttentionSite site, long rows, long keyHeads, long headDim) =>
        _own.TryGetValue(site, out var keys) && keys.AreNumbers(rows, keyHeads, headDim);

    /// <summary>Makes room for one more key and value of each row of a site, which the caller writes.</summary>
    internal KeyPlaces MakeRoom(AttentionSite site) => _own[site].MakeRoom();

    /// <summary>Keys and values of a sequence that does not grow, computed once.</summary>
    internal (Tensor Keys, Tensor Values) Once(AttentionSite site, Func<(Tensor Keys, Tensor Values)> compute)
    {
        if (_other.TryGetValue(site, out var found)) return found;
        var (keys, values) = compute();
        return _other[site] = (Kept(keys.contiguous().alias()), Kept(values.contiguous().alias()));
    }

    /// <summary>Goes on with other rows: row i is what row <paramref name="rows"/>[i] was, which may occur several times.</summary>
    /// <param name="rows">Indices of rows, from 0.</param>
    internal void Select(IReadOnlyList<long> rows)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var index = tensor(rows.ToArray(), dtype: ScalarType.Int64);
        Tensor Chosen(Tensor all)
        {
            var isShared = all.shape[0] == 1 && rows.All(row => row == 0);
            if (isShared) return Kept(all.expand([rows.Count, .. all.shape[1..]]).contiguous().alias());
            return Kept(all.index_select(0, index.to(all.device)));
        }
        Tensor Replace(Tensor all)
        {
            var chosen = Chosen(all);
            all.Dispose();
            return chosen;
        }
        foreach (var keys in _own.Values) keys.Replace(Replace);
        foreach (var (site, pair) in _other.ToList()) _other[site] = (Replace(pair.Keys), Replace(pair.Values));
        if (_padding is not null) _padding = Replace(_padding);
        if (_counted is { } counted && counted.shape[0] > 1) _counted = Replace(counted);
        if (_source is { } source) _source = Changed(source, Replace);
        _first?.Select(rows);
    }

    /// <summary>Forgets the last tokens of rows without padding, as if they had never come.</summary>
    /// <param name="count">How many, fewer than there are: what adapters put before a sequence stays.</param>
    /// <exception cref="InvalidOperationException">Rows are padded, or the sequence answers another one.</exception>
    internal void DropLast(long count)
    {
        if (_padding is not null || _other.Count > 0 || count < 0 || count >= Length)
            throw new InvalidOperationException("Only tokens at the end of rows without padding can be taken back.");
        if (count == 0) return;
        _first?.DropLast(count);
        foreach (var keys in _own.Values) keys.DropLast(count);
        Length -= count;
        if (_counted is not { } counted) return;
        using var scope = NewDisposeScope();
        _counted = Kept(counted.Plus(-count));
        counted.Dispose();
    }

    /// <summary>Forgets everything: the next call is a first one.</summary>
    internal void Clear()
    {
        foreach (var keys in _own.Values) keys.Dispose();
        foreach (var (keys, values) in _other.Values)
        {
            keys.Dispose();
            values.Dispose();
        }
        _own.Clear();
        _other.Clear();
        _padding?.Dispose();
        _counted?.Dispose();
        _source?.Embeddings.Dispose();
        _source?.Mask?.Dispose();
        (_padding, _counted, _source, Length) = (null, null, null, 0);
        _first?.Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    private static InputState Changed(InputState state, Func<Tensor, Tensor> change) =>
        state with { Embeddings = change(state.Embeddings), Mask = state.Mask is { } mask ? change(mask) : null };

    private static Tensor Kept(Tensor tensor) => tensor.DetachFromDisposeScope();
}
