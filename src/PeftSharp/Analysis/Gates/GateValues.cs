namespace PeftSharp.Analysis.Gates;

/// <summary>How far one gate is open for each of some texts.</summary>
/// <param name="Method">The method that it gates, by its name in the registry.</param>
/// <param name="Place">Where it stands; of a prefix with two gates, which of them; of X-LoRA which expert.</param>
/// <param name="Layer">Its layer, from 0; -1 outside of layers.</param>
/// <param name="Values">Between 0 and 1 (of X-LoRA without a softmax any numbers), in the order of the texts.</param>
public sealed record GateValues(string Method, string Place, int Layer, IReadOnlyList<double> Values)
{
    /// <summary>The mean over the texts.</summary>
    public double Mean => Values.Average();
}
