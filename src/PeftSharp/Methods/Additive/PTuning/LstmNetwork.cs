using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.PTuning;

/// <summary>An LSTM over the vectors in both directions, then maps.</summary>
internal sealed class LstmNetwork(IReadOnlyList<LstmLayer> layers, double dropout, IReadOnlyList<LinearMap> maps) : IPromptNetwork
{
    private readonly MlpNetwork _maps = new(maps);

    public Tensor Forward(Tensor x, ForwardContext context)
    {
        for (var i = 0; i < layers.Count; i++)
        {
            if (i > 0) x = Dropout.Apply(x, dropout, layers[i].Forth.OfInput.Weight.Name, context);
            x = cat([Run(layers[i].Forth, x, false, context), Run(layers[i].Back, x, true, context)], 1); // [tokens, 2 · hidden]
        }
        return _maps.Forward(x, context);
    }

    private static Tensor Run(LstmDirection direction, Tensor x, bool backwards, ForwardContext context)
    {
        var fromInput = direction.OfInput.Forward(x, context);                                        // [tokens, 4 · hidden]
        var (weight, bias) = (direction.OfState.Weight.Get(context), direction.OfState.Bias.Get(context));
        var (tokens, hidden) = (x.shape[0], weight.shape[1]);
        var state = zeros([1, hidden], x.dtype, x.device);
        var cell = state;
        var states = new Tensor[tokens];
        for (var step = 0L; step < tokens; step++)
        {
            var at = backwards ? tokens - 1 - step : step;
            var gates = fromInput.narrow(0, at, 1).Plus(nn.functional.linear(state, weight, bias));
            Tensor Gate(int which) => gates.narrow(1, which * hidden, hidden);
            cell = (Gate(1).sigmoid() * cell).Plus(Gate(0).sigmoid() * Gate(2).tanh());
            state = Gate(3).sigmoid() * cell.tanh();
            states[at] = state;
        }
        return cat(states, 0);
    }
}
