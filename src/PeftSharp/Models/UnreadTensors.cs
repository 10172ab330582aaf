using System.Text.RegularExpressions;
using PeftSharp.Files;

namespace PeftSharp.Models;

/// <summary>Layers of a checkpoint that its configuration does not ask for: the model would be a smaller one than its file.</summary>
internal static partial class UnreadTensors
{
    /// <summary>A sentence where a checkpoint has more layers than its configuration.</summary>
    public static IReadOnlyList<string> Remarks(Checkpoint checkpoint, ModelConfig config, TransformerModel model)
    {
        var deepest = -1;
        var tensors = 0;
        foreach (var name in checkpoint.Names)
        {
            if (Layer().Match(name) is not { Success: true } match || !int.TryParse(match.Groups[1].Value, out var layer)) continue;
            if (layer >= model.Layers) tensors++;
            deepest = Math.Max(deepest, layer);
        }
        List<string> remarks = [];
        if (
            model.Head.Kind == Heads.TaskKind.Embedding
                && checkpoint.Modules is { } modules
                && modules.Dense.Count + modules.Others.Count > 0)
            remarks.Add(
                $"{Path.Combine(checkpoint.Path, SentenceModules.FileName)} asks for "
                + $"{string.Join(", ", modules.Dense.Select(_ => "Dense").Concat(modules.Others))} after the pooling: the vectors are "
                + "those of the pooling.");
        return tensors == 0 ? remarks
            : [
                .. remarks,
                $"{checkpoint.Path} holds the layers 0 to {deepest}, but {config.File} asks for {model.Layers}: {tensors} tensors of the "
                + $"layers from {model.Layers} on are left out.",
            ];
    }

    [GeneratedRegex(@"(?:^|\.)(?:(?:encoder|transformer)\.layer|layers|h)\.(\d{1,6})\.", RegexOptions.CultureInvariant)]
    private static partial Regex Layer();
}
