using System.Runtime.InteropServices;
using PeftSharp.Composition;
using PeftSharp.Methods;

namespace PeftSharp.Runs.Estimates.Shapes;

/// <summary>Adapters of models whose tensors have shapes and no numbers.</summary>
public static class ShapesOnly
{
    /// <summary>Attaches a method, so that it can be counted.</summary>
    /// <exception cref="PeftException">It does not fit the model, or needs weights to choose by.</exception>
    public static PeftMethod Add(PeftModel model, MethodOptions options)
    {
        try
        {
            return model.Add(options);
        }
        catch (ExternalException e)
        {
            throw new PeftException(
                $"{options.PeftType} begins with the values of weights, or chooses by them, and a configuration has none: try it on the "
                + "model itself (peft train --dry-run).", e);
        }
    }
}
