using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>When an input plug-in acts.</summary>
public enum InputStage
{
    /// <summary>On word embeddings, before positions and segments are added (peft).</summary>
    Words,
    /// <summary>On the finished embedding output (AdapterHub).</summary>
    Embedded,
}

/// <summary>A plug-in that puts vectors before a sequence.</summary>
public interface IInputPlugin
{
    /// <summary>When it acts.</summary>
    InputStage Stage { get; }

    /// <summary>Number of vectors.</summary>
    int Length { get; }

    /// <summary>The vectors, [length, hidden].</summary>
    Tensor Vectors(ForwardContext context);
}

/// <summary>A sequence on its way into the first layer.</summary>
/// <param name="Embeddings">[rows, tokens, hidden].</param>
/// <param name="Mask">1 at real tokens, int64 [rows, tokens]; null where nothing is padded.</param>
/// <param name="TypeIds">Segment ids, int64 [rows, tokens]; null for zeros.</param>
/// <param name="Prepended">True once vectors that are no tokens stand in the sequence.</param>
public sealed record InputState(Tensor Embeddings, Tensor? Mask, Tensor? TypeIds, bool Prepended);

/// <summary>The entry of an encoder or decoder, open to plug-ins.</summary>
public sealed class InputSite(string path)
{
    /// <summary>The module whose input this is.</summary>
    public string Path { get; } = path;

    /// <summary>The plug-ins here.</summary>
    public PluginList<IInputPlugin> Plugins { get; } = new();

    /// <summary>Puts the active plug-ins' vectors of one stage before the sequence.</summary>
    public InputState Apply(InputStage stage, InputState state, ForwardContext context)
    {
        foreach (var (owner, plugin) in Plugins.Active(context))
        {
            if (plugin.Stage != stage) continue;
            var rows = context.RowsOf(owner);
            var vectors = plugin.Vectors(context.Alone(owner));
            state = rows is null ? Prepend(state, vectors) : Prepend(state, vectors, rows);
        }
        return state;
    }

    private static InputState Prepend(InputState state, Tensor vectors)
    {
        var (rows, length) = (state.Embeddings.shape[0], vectors.shape[0]);
        Tensor Extend(Tensor ids, long value) => cat([full([rows, length], value, dtype: ScalarType.Int64), ids], 1);
        return new(
            cat([vectors.unsqueeze(0).expand(rows, length, vectors.shape[1]), state.Embeddings], 1),
            state.Mask is null ? null : Extend(state.Mask, 1),
            state.TypeIds is null ? null : Extend(state.TypeIds, 0),
            true);
    }

    // Rows that get nothing keep their place at the left and are padded at the right by as much.
    private static InputState Prepend(InputState state, Tensor vectors, Tensor chosen)
    {
        var (rows, tokens, length) = (state.Embeddings.shape[0], state.Embeddings.shape[1], vectors.shape[0]);
        var mask = state.Mask ?? ones([rows, tokens], dtype: ScalarType.Int64);
        var types = state.TypeIds ?? zeros([rows, tokens], dtype: ScalarType.Int64);
        var padded = new InputState(
            cat([state.Embeddings, zeros([rows, length, vectors.shape[1]], dtype: state.Embeddings.dtype)], 1),
            cat([mask, zeros([rows, length], dtype: ScalarType.Int64)], 1),
            cat([types, zeros([rows, length], dtype: ScalarType.Int64)], 1),
            state.Prepended);
        var some = Prepend(new(Rows.Select(state.Embeddings, chosen), Rows.Select(mask, chosen), Rows.Select(types, chosen), true), vectors);
        return new(
            Rows.Put(padded.Embeddings, some.Embeddings, chosen),
            Rows.Put(padded.Mask!, some.Mask!, chosen),
            Rows.Put(padded.TypeIds!, some.TypeIds!, chosen),
            true);
    }
}
