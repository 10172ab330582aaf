using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>
/// A plug-in with a linear map of low rank inside, Left · Right · Scale. At a projection that is the whole of its change of the weight,
/// [out, in], and at an embedding of the table, [entries, dim]; at a residual branch it is the map without what stands between the factors
/// (an activation).
/// </summary>
internal interface ILowRankMap
{
    /// <summary>
    /// Left [rows, rank], right [rank, columns] and what scales their product, as they are in a call; null where a gate makes it depend on
    /// the input. Borrowed.
    /// </summary>
    (Tensor Left, Tensor Right, double Scale)? Factors(ForwardContext context);

    /// <summary>
    /// True if, outside training, the plug-in adds the product of its factors with a linear map's input and does nothing else. Default
    /// false.
    /// </summary>
    bool AddsProductAlone => false;
}
