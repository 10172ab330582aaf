using PeftSharp.Interop;
using PeftSharp.Models.Blocks;
using PeftSharp.Sites;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Decoding;

/// <summary>
/// The layers of a decoder of Llama's kind for the next token of a few sequences whose keys are cached, in one pass over all weights: the
/// small operations of so many layers would take libtorch longer than the reading of the weights.
/// </summary>
/// <remarks>
/// Sites and slots stay the truth: each call asks them what acts and what is read, and where that is anything else than is computed here,
/// the layers run one by one. Any number of threads may call at once.
/// </remarks>
internal sealed class DecodingPass
{
    // Weights of a layer for each thread, at least.
    private const long Grain = 1 << 16;

    private readonly LayerParts[] _layers;
    private readonly DecoderConfig _config;
    private float[]? _room; // of a call that has ended
    private long _steps;

    private DecodingPass(LayerParts[] layers, DecoderConfig config) => (_layers, _config) = (layers, config);

    /// <summary>False runs the layers one by one; default true. For comparisons.</summary>
    public bool IsOn { get; set; } = true;

    /// <summary>Calls that went this way.</summary>
    public long Steps => Interlocked.Read(ref _steps);

    /// <summary>The pass of a model; null where its layers are of another kind.</summary>
    public static DecodingPass? Of(IReadOnlyList<IDecoderLayer> layers, DecoderConfig config)
    {
        if (config.Shape.Activation is not ("silu" or "swish") || config.Shape.Attention.SoftCap is not null) return null;
        if (config.Shape.Attention.PrefixHeads != config.Shape.Attention.KeyHeads) return null;
        var parts = new LayerParts[layers.Count];
        for (var i = 0; i < parts.Length; i++)
        {
            if (layers[i].Parts is not { } own) return null;
            parts[i] = own;
        }
        return parts.Length == 0 ? null : new(parts, config);
    }

    /// <summary>Runs all layers, and adds the tokens' keys and values to the cache.</summary>
    /// <param name="hidden">What the first layer reads, [rows, 1, hidden]; no row is padded.</param>
    /// <param name="angles">The tokens' positions.</param>
    /// <param name="context">The call.</param>
    /// <returns>The last layer's result, [rows, 1, hidden]; null, with nothing changed, where layers have to run one by one.</returns>
    public Tensor? Try(Tensor hidden, Rotary.Angles angles, ForwardContext context)
    {
        var (rows, width) = (hidden.shape[0], _config.Shape.Hidden);
        if (!IsOn || context.Cache is not { } cache || context.Selection.IsPerRow || is_grad_enabled()) return null;
        if (rows is < 1 or > FewRows.Most || hidden.shape[1] != 1 || hidden.shape[2] != width) return null;
        var calls = new LayerCall[_layers.Length];
        var heads = _config.Shape.Attention;
        for (var i = 0; i < calls.Length; i++)
        {
            var own = context.At(i);
            if (own.Selection.IsPerRow || !cache.HoldsNumbers(_layers[i].Attention, rows, heads.KeyHeads, heads.HeadDim)) return null;
            if (LayerCall.Of(_layers[i], _config.Shape, _config.Windows[i], own) is not { } call) return null;
            calls[i] = call;
        }
        if (DecodingStep.Of(calls, _config.Shape, (int)rows, hidden, angles) is not { } step) return null;
        foreach (var call in calls) call.Keys = cache.MakeRoom(call.Parts.Attention);
        var threads = (int)Math.Clamp(step.WeightsOfLayer / Grain, 1, get_num_threads());
        var needed = step.Needed(threads);
        var room = Interlocked.Exchange(ref _room, null);
        if (room is null || room.Length < needed) room = GC.AllocateUninitializedArray<float>(needed + needed / 4, pinned: true);
        var result = step.Run(room, threads);
        Interlocked.Exchange(ref _room, room);
        GC.KeepAlive(cache);
        Interlocked.Increment(ref _steps);
        return result;
    }
}
