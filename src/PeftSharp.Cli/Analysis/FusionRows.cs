using PeftSharp.Runs;

namespace PeftSharp.Cli.Analysis;

/// <summary>The rows on which a fusion is listened to.</summary>
/// <param name="Path">What was given; null for nothing.</param>
/// <param name="Take">So many of them at most; null for the usual number.</param>
internal sealed record FusionRows(string? Path, int? Take)
{
    private const int Usual = 256;

    /// <summary>Listens to a model's fusion; null where no rows were given.</summary>
    public FusionShares? Hear(LoadedModel loaded, CancellationToken cancellation) =>
        Path is null ? null : FusionShares.Of(loaded, Path, Take ?? Usual, cancellation);
}
