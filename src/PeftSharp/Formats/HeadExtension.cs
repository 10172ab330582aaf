using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Formats;

/// <summary>Gives a saved head of fewer outputs than the model's the model's own rows for those that it lacks.</summary>
internal static class HeadExtension
{
    /// <summary>Extends the saved tensors of the map that gives the outputs.</summary>
    /// <param name="saved">Saved tensors by name; a longer one takes the place of each that is extended.</param>
    /// <param name="map">The model's map of outputs: weight [outputs, width], bias [outputs].</param>
    public static void Extend(Dictionary<string, Tensor> saved, ProjectionSite map)
    {
        using var guard = no_grad();
        foreach (var (suffix, value) in new[] { ("weight", map.Weight.Value), ("bias", map.Bias?.Value) })
        {
            var name = $"{map.Path}.{suffix}";
            if (
                value is null
                    || saved.Keys.FirstOrDefault(key => key == name || key.EndsWith($".{name}", StringComparison.Ordinal)) is not { } found)
                continue;
            var old = saved[found];
            if (!IsShorter(old.shape, value.shape)) continue;
            var added = value.narrow(0, old.shape[0], value.shape[0] - old.shape[0]).to(old.dtype).to(old.device);
            saved[found] = cat([old, added]).DetachFromDisposeScope();
            old.Dispose();
        }
    }

    /// <summary>True if the saved tensor has fewer rows, and is else of the same shape.</summary>
    public static bool IsShorter(long[] saved, long[] own) =>
        saved.Length == own.Length && saved.Length > 0 && saved[0] < own[0] && saved.Skip(1).SequenceEqual(own.Skip(1));
}
