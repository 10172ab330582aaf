using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Composition.Foreign;

/// <summary>A network as a user writes it: ids [rows, tokens] → one vector a row, [rows, 3].</summary>
internal sealed class Network : nn.Module<Tensor, Tensor>
{
    private readonly Embedding words;
    private readonly LayerNorm norm;
    private readonly Sequential block;
    private readonly Linear answer;

    public Network(long seed = 7) : base("Network")
    {
        torch.random.manual_seed(seed);
        words = nn.Embedding(11, 8);
        norm = nn.LayerNorm(8);
        block = nn.Sequential(("wide", nn.Linear(8, 12)), ("bend", nn.GELU()), ("narrow", nn.Linear(12, 8)));
        answer = nn.Linear(8, 3, hasBias: false);
        RegisterComponents();
        this.to(ScalarType.Float64);
    }

    public override Tensor forward(Tensor ids)
    {
        var x = words.call(ids);
        x = x + block.call(norm.call(x));
        return answer.call(x.mean([1]));
    }
}
