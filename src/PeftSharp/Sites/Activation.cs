using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Activation functions by their Hugging Face names.</summary>
internal static class Activation
{
    private static readonly double Sqrt2OverPi = Math.Sqrt(2 / Math.PI);

    /// <summary>Names that <see cref="Apply"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "gelu", "gelu_python", "gelu_10", "gelu_new", "gelu_fast", "gelu_accurate", "gelu_pytorch_tanh", "quick_gelu", "relu", "relu2",
        "relu6", "silu", "swish", "mish", "tanh", "sigmoid", "laplace", "leakyrelu", "leaky_relu", "linear",
    ];

    /// <summary>The name, if there is such a function.</summary>
    /// <param name="name">The name.</param>
    /// <param name="file">Where it stands, for the message.</param>
    /// <exception cref="PeftException">There is none.</exception>
    internal static string Known(string name, string file) => Names.Contains(name) ? name
        : throw new PeftException($"{file}: the activation is \"{name}\"; known are {string.Join(", ", Names)}.");

    /// <summary>Applies the function of that name, in large or small letters, element by element.</summary>
    /// <exception cref="PeftException">The name is unknown.</exception>
    public static Tensor Apply(string name, Tensor x) => name.ToLowerInvariant() switch
    {
        "gelu" or "gelu_python" => nn.functional.gelu(x),
        "gelu_10" => nn.functional.gelu(x).AtLeast(-10L).AtMost(10L),
        "gelu_new" or "gelu_fast" or "gelu_accurate" or "gelu_pytorch_tanh" =>
            x.Times(0.5) * x.Plus(x * x * x, 0.044715).Times(Sqrt2OverPi).tanh().Plus(1L),
        "quick_gelu" => x * x.Times(1.702).sigmoid(),
        "relu" => x.relu(),
        "relu2" => x.relu() * x.relu(),
        "relu6" => x.relu6(),
        "mish" => x * nn.functional.softplus(x).tanh(),
        "linear" => x.alias(),
        "silu" or "swish" => nn.functional.silu(x),
        "tanh" => x.tanh(),
        "sigmoid" => x.sigmoid(),
        // Mega's (Ma et al. 2022, arXiv 2209.10655): a normal distribution function with mean √½ and variance 1/4π.
        "laplace" => x.Plus(-Math.Sqrt(0.5)).Times(Math.Sqrt(2 * Math.PI)).erf().Plus(1L).Times(0.5),
        "leakyrelu" or "leaky_relu" => nn.functional.leaky_relu(x, 0.01),
        _ => throw new PeftException($"The activation \"{name}\" is not known; known are {string.Join(", ", Names)}."),
    };

    /// <summary>What <see cref="Apply"/> gives for a gate, times another tensor of its shape.</summary>
    /// <exception cref="PeftException">The name is unknown.</exception>
    public static Tensor Gated(string name, Tensor gate, Tensor x) => name is "silu" or "swish" && FusedOperation.Fits(gate)
        ? GatedSilu.Of(gate, x)
        : Apply(name, gate) * x;
}
