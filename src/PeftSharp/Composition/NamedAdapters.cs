using PeftSharp.Methods;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Composition;

/// <summary>
/// The adapters of a model, or of a network, by name. They are read without a lock; a name is taken as soon as its adapter begins to be
/// made, and nobody sees an adapter before it is whole.
/// </summary>
/// <param name="admit">Refuses a newcomer; asked under the lock, before it is made and after.</param>
/// <param name="place">Where they are, for a sentence: <c>" on the network"</c>; empty for a model.</param>
internal sealed class NamedAdapters(Action admit, string place = "")
{
    private readonly HashSet<string> _coming = [];
    private Dictionary<string, PeftMethod> _all = []; // copied on every change

    /// <summary>Held while the table changes; what has to change together with it takes it too.</summary>
    public Lock Gate { get; } = new();

    /// <summary>The adapters as they are at this moment.</summary>
    public IReadOnlyDictionary<string, PeftMethod> All => Volatile.Read(ref _all);

    /// <summary>An adapter by name.</summary>
    /// <exception cref="PeftException">There is none of that name.</exception>
    public PeftMethod this[string name]
    {
        get
        {
            var adapters = All;
            if (adapters.TryGetValue(name, out var adapter)) return adapter;
            var others = adapters.Count == 0 ? "are none" : $"are {string.Join(", ", adapters.Keys)}";
            throw new PeftException($"There is no adapter \"{name}\"{place}; there {others}.");
        }
    }

    /// <summary>An adapter by name; null where there is none.</summary>
    public PeftMethod? Find(string name) => All.GetValueOrDefault(name);

    /// <summary>Makes an adapter, attaches it, and lists it once it is whole.</summary>
    /// <param name="options">Its settings.</param>
    /// <param name="name">Its name.</param>
    /// <param name="host">What it is attached to.</param>
    /// <param name="complete">What is done before anybody can select it, in a dispose scope.</param>
    /// <exception cref="PeftException">The name is taken, or something is refused; nothing is changed then.</exception>
    public PeftMethod Add(MethodOptions options, string name, MethodHost host, Action<PeftMethod>? complete)
    {
        lock (Gate)
        {
            admit();
            if (_all.ContainsKey(name) || !_coming.Add(name)) throw Taken(name);
        }
        try
        {
            var method = options.Create(name);
            method.Attach(host);
            try
            {
                using (NewDisposeScope()) complete?.Invoke(method);
                lock (Gate)
                {
                    admit();
                    Volatile.Write(ref _all, new(_all) { [name] = method });
                }
                return method;
            }
            catch
            {
                method.Dispose();
                throw;
            }
        }
        finally
        {
            lock (Gate) _coming.Remove(name);
        }
    }

    /// <summary>Takes an adapter off the list, and detaches it.</summary>
    public void Remove(PeftMethod adapter)
    {
        lock (Gate)
        {
            Volatile.Write(ref _all, _all.Where(pair => pair.Value != adapter).ToDictionary());
            adapter.Dispose();
        }
    }

    /// <summary>Gives an adapter another name.</summary>
    /// <exception cref="PeftException">There is none of that name, or the new name is taken.</exception>
    public void Rename(string name, string to)
    {
        lock (Gate)
        {
            var adapter = this[name];
            if (to == name) return;
            if (_all.ContainsKey(to) || _coming.Contains(to)) throw Taken(to);
            adapter.Tag.Name = to;
            Volatile.Write(ref _all, _all.ToDictionary(pair => pair.Key == name ? to : pair.Key, pair => pair.Value));
        }
    }

    /// <summary>Takes all of them off, and detaches them.</summary>
    public void Clear()
    {
        lock (Gate)
        {
            foreach (var adapter in _all.Values) adapter.Dispose();
            Volatile.Write(ref _all, []);
        }
    }

    /// <summary>Compositions one after the other on every row; none for no names.</summary>
    public static AdapterSelection Select(IReadOnlyList<string> names, Func<string, AdapterComposition> compose) =>
        names.Count == 0 ? AdapterSelection.None : AdapterSelection.Of(AdapterComposition.StackOf([.. names.Select(compose)]));

    /// <summary>One composition, or none (null), for each row.</summary>
    public static AdapterSelection SelectPerRow(IReadOnlyList<string?> names, Func<string, AdapterComposition> compose) =>
        AdapterSelection.PerRow([.. names.Select(name => name is null ? null : compose(name))]);

    private static PeftException Taken(string name) => new($"There is an adapter \"{name}\" already; choose another name.");
}
