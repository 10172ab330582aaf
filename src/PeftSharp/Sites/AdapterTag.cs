namespace PeftSharp.Sites;

/// <summary>The identity under which an adapter's plug-ins sit at the sites; compared by reference.</summary>
/// <param name="name">The adapter's name, for messages.</param>
public sealed class AdapterTag(string name)
{
    private volatile string _name = name;
    private AdapterComposition? _single;
    private bool _actsInScout;

    /// <summary>The adapter's name.</summary>
    public string Name
    {
        get => _name;
        internal set => _name = value;
    }

    /// <summary>True if one of its plug-ins reads every position, so that no position may be skipped.</summary>
    public bool NeedsAllTokens { get; private set; }

    /// <summary>True if one of its plug-ins reads padded positions too, so that the width to which a batch is padded matters.</summary>
    public bool NeedsPadding { get; private set; }

    /// <summary>
    /// Says that a plug-in reads every position. Needs only grow: what one part of an adapter needs, no other part can take back.
    /// </summary>
    /// <param name="padding">True if it reads padded positions too.</param>
    public void NeedAllTokens(bool padding = false)
    {
        NeedsAllTokens = true;
        NeedsPadding |= padding;
    }

    /// <summary>
    /// True if its plug-ins pass a state on from layer to layer, so that no layer is computed again by itself: gradient checkpointing is
    /// off in its calls.
    /// </summary>
    public bool CarriesState { get; private set; }

    /// <summary>Says that plug-ins pass a state on from layer to layer.</summary>
    public void CarryState() => CarriesState = true;

    /// <summary>
    /// True if its plug-ins weigh what they add by what a first pass of the whole model found (<see cref="ForwardContext.Scouted"/>).
    /// </summary>
    internal bool NeedsScout { get; private set; }

    /// <summary>True if in that first pass the base alone may answer, for the adapter would change nothing in it.</summary>
    internal bool ScoutsBase => NeedsScout && !_actsInScout;

    /// <summary>Says that plug-ins need a first pass. Needs only grow.</summary>
    /// <param name="baseAlone">True if nothing of the adapter acts in that pass.</param>
    internal void NeedScout(bool baseAlone)
    {
        NeedsScout = true;
        _actsInScout |= !baseAlone;
    }

    /// <summary>Number of outputs of the adapter's own head, where that is another than the base's; null where it is the base's.</summary>
    public int? Outputs { get; internal set; }

    /// <summary>The calls in which the adapter acts.</summary>
    internal UseCount Uses { get; set; } = new();

    /// <summary>The adapter as a composition.</summary>
    internal AdapterComposition Single =>
        _single ?? Interlocked.CompareExchange(ref _single, new AdapterComposition.One(this), null) ?? _single;

    /// <summary>How it acts where it is selected: by itself, or, if it is a fusion, with the adapters that it fuses.</summary>
    internal AdapterComposition Acts { get => field ?? Single; set; }

    /// <summary>The adapter on every row.</summary>
    internal AdapterSelection Alone => Single.Alone;

    /// <inheritdoc/>
    public override string ToString() => Name;
}
