using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Lst;

/// <summary>The side network beside one stack of layers.</summary>
/// <param name="causal">True if tokens see those before them alone.</param>
/// <param name="source">The side network of the encoder, which a decoder's attends to; null for none.</param>
/// <param name="options">The settings.</param>
internal sealed class Ladder(bool causal, Ladder? source, LstOptions options)
{
    // Names under which a call keeps the state, and which tokens it is of.
    private readonly object _state = new(), _seen = new();

    /// <summary>Scale of the norm behind the last block, [side].</summary>
    public required AdapterTensor Norm { get; init; }

    /// <summary>Widens the result, [hidden, side]; null in an encoder whose decoder reads it.</summary>
    public AdapterTensor? Up { get; init; }

    /// <summary>[hidden].</summary>
    public AdapterTensor? UpBias { get; init; }

    /// <summary>Goes on by one layer.</summary>
    /// <param name="step">What to do.</param>
    /// <param name="hidden">The layer's output, [rows, tokens, hidden].</param>
    /// <param name="context">The call.</param>
    public void Take(LadderStep step, Tensor hidden, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var read = Dropout.Apply(hidden, options.Dropout, step.Down.Name, context);
        var narrow = nn.functional.linear(read, step.Down.Get(context), step.Bias.Get(context)); // [rows, tokens, side]
        if (step.Block is not { } block)
        {
            context.Carry(_state, narrow);
            return;
        }
        var gate = step.Gate!.Get(context).Times(1 / options.GateTemperature).sigmoid();
        var mixed = narrow * gate.neg().Plus(1L);
        if (context.Carried(_state) is { } state) mixed = mixed.Plus(state * gate);
        var (padding, segments) = (context.Padding, context.Segments);
        if (padding is not null) context.Carry(_seen, padding.alias());
        var mask = new KeyMask { Causal = causal, Padding = padding, Segments = segments };
        var (from, seen) = (source?.Result(context), source is null ? null : context.Carried(source._seen));
        context.Carry(_state, block.Forward(mixed, mask, from, new KeyMask { Padding = seen }, context));
    }

    /// <summary>What the side network yields instead of the last layer's output, [rows, tokens, hidden].</summary>
    public Tensor Widened(Tensor hidden, ForwardContext context) => Result(context) is not { } result ? hidden
        : nn.functional.linear(
            Dropout.Apply(result, options.Dropout, Up!.Name, context), Up.Get(context), UpBias!.Get(context));

    // Behind the last norm, [rows, tokens, side]; null before the first step.
    private Tensor? Result(ForwardContext context) =>
        context.Carried(_state) is { } state ? SideNorm.Apply(state, Norm, context) : null;
}
