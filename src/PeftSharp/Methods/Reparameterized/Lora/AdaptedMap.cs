using PeftSharp.Methods.Reparameterized.Lora.Start;
using PeftSharp.Sites;

namespace PeftSharp.Methods.Reparameterized.Lora;

/// <summary>A linear map and its two factors: A [rank, in], B [out, rank]. Data may change rank and scale before training.</summary>
internal sealed class AdaptedMap(ProjectionSite site, AdapterTensor a, AdapterTensor b, double scale)
{
    /// <summary>The map.</summary>
    public ProjectionSite Site => site;

    /// <summary>The first factor, [rank, in].</summary>
    public AdapterTensor A => a;

    /// <summary>The second factor, [out, rank].</summary>
    public AdapterTensor B => b;

    /// <summary>What the product is multiplied by.</summary>
    public double Scale { get; set; } = scale;

    /// <summary>The rank.</summary>
    public int Rank => (int)a.Value.shape[0];

    /// <summary>What was learnt before the last restart; null before the first.</summary>
    public PastFactors? Past { get; set; }

    /// <summary>What stands in for the base's weight; null for the base's own.</summary>
    public BaseChange? Change { get; set; }
}
