using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.PTuning;

/// <summary>Maps with a relu between any two.</summary>
internal sealed class MlpNetwork(IReadOnlyList<LinearMap> maps) : IPromptNetwork
{
    public Tensor Forward(Tensor x, ForwardContext context)
    {
        for (var i = 0; i < maps.Count; i++)
        {
            if (i > 0) x = x.relu();
            x = maps[i].Forward(x, context);
        }
        return x;
    }
}
