using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>One linear map that does the work of several (GPT-2's <c>c_attn</c>). Names find the whole, roles find the parts.</summary>
/// <remarks>Plug-ins at the whole act first, on the whole output; then those at a part, on the part's rows of it.</remarks>
internal sealed class SlicedProjection
{
    private readonly ProjectionSite[] _parts;

    internal SlicedProjection(ProjectionSite whole, ProjectionSite[] parts) => (Whole, _parts) = (whole, parts);

    /// <summary>The map that owns the tensors.</summary>
    public ProjectionSite Whole { get; }

    /// <summary>The maps that it serves, in the order of its rows.</summary>
    public IReadOnlyList<ProjectionSite> Parts => _parts;

    /// <summary>Applies the map to one input, [rows, tokens, in]; one result per part.</summary>
    public Tensor[] Forward(Tensor x, ForwardContext context)
    {
        var whole = Whole.Forward(x, context);
        var results = new Tensor[_parts.Length];
        for (var i = 0; i < results.Length; i++)
        {
            var part = _parts[i];
            var slice = RowsOf(part).Of(whole, -1);
            results[i] = part.Plugins.AnyActive(context) ? Adapted(part, x, slice, context) : slice;
        }
        return results;
    }

    // A part's plug-in that changes the input, or reads the product without its bias, asks for the part's own product.
    private Tensor Adapted(ProjectionSite part, Tensor x, Tensor slice, ForwardContext context)
    {
        if (!part.ChangesInput(context) && !part.ReadsProduct(context))
            return part.Finish(x, slice, part.Weight.Get(context), null, context, active: true);
        if (Whole.Plugins.AnyActive(context))
            throw new PeftException(
                $"One adapter acts on {Whole.Path} as a whole, and another on its {part.Role} part in a way that needs it alone; select "
                + "one of them.");
        var weight = part.Weight.Get(context);
        var bias = Whole.Bias is { } all ? RowsOf(part).Of(all.Get(context), -1) : null;
        var input = part.ApplyInputs(x, context);
        return part.Finish(input, weight.Linear(input), weight, bias, context, active: true);
    }

    private static RowBlocks RowsOf(ProjectionSite part) => ((PartSlot)part.Weight).Rows;
}
