using PeftSharp.Composition;
using PeftSharp.Sites;

namespace PeftSharp.Generation;

/// <summary>Answers prompts of token ids with token ids.</summary>
/// <param name="model">A model with a head for the next token, and its adapters.</param>
/// <remarks>Any number of threads may generate at once with one model; each call keeps what it needs for itself.</remarks>
public sealed class TokenGenerator(PeftModel model)
{
    /// <summary>The model.</summary>
    public PeftModel Model { get; } = model;

    /// <summary>Answers several prompts in one batch.</summary>
    /// <param name="prompts">Token ids of each, at least one; they may be of different lengths.</param>
    /// <param name="options">How to generate; null for the defaults. Stop texts are for <see cref="TextGenerator"/>: here they are
    /// refused.</param>
    /// <param name="selection">Which adapters act, on every prompt or one choice for each; null for none.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    /// <exception cref="PeftException">A setting is out of range, a prompt is empty or too long, or the model gives no next
    /// token.</exception>
    public IReadOnlyList<GeneratedTokens> Generate(
        IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions? options = null, AdapterSelection? selection = null,
            CancellationToken cancellation = default)
    {
        options ??= new();
        if (options.Stop.Count > 0) throw new PeftException("Stop texts end answers of texts, and these are token ids; give EndIds, or "
            + "use TextGenerator.");
        using var session = Open(prompts, options, selection ?? AdapterSelection.None, out var most);
        var endIds = EndIds(options);
        if (options.Beams > 1) return new BeamSearch(session, options, endIds, most).Run(cancellation);
        var loop = new TokenLoop(session, options, endIds, most);
        while (!loop.IsOver)
        {
            cancellation.ThrowIfCancellationRequested();
            loop.Next();
        }
        return [.. Enumerable.Range(0, prompts.Count).Select(loop.Answer)];
    }

    /// <summary>Checks what was asked, and makes ready for it.</summary>
    /// <param name="prompts">Token ids of each prompt.</param>
    /// <param name="options">How to generate.</param>
    /// <param name="selection">Which adapters act.</param>
    /// <param name="most">New tokens at most.</param>
    /// <param name="kept">What is left of an earlier sequence; null for nothing.</param>
    internal DecodingSession Open(IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options, AdapterSelection selection,
        out int most, KeptKeys? kept = null)
    {
        options.Validate();
        if (selection.IsPerRow && selection.Rows != prompts.Count)
            throw new PeftException($"There are {prompts.Count} prompts, but adapters were chosen for {selection.Rows}; give one "
                + "choice per prompt.");
        if (prompts.Count == 0 || prompts.Any(p => p.Count == 0)) throw new PeftException("A prompt has no token; give each some text.");
        most = Math.Min(options.MaxNewTokens, DecodingSession.Room(Model, selection, prompts));
        return new(Model, selection, prompts, Math.Max(0, Model.Model.Config.Int("pad_token_id", 0)), most, options.Cache, kept);
    }

    /// <summary>The tokens that end an answer.</summary>
    internal IReadOnlyCollection<int> EndIds(GenerationOptions options) => options.EndIds is { } given ? [.. given]
        : EndTokens.Of(Model.Model.Config);
}
