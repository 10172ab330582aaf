using System.Runtime.CompilerServices;
using PeftSharp.Composition;
using PeftSharp.Models;
using PeftSharp.Sites;
using PeftSharp.Tokenization;

namespace PeftSharp.Generation;

/// <summary>Answers texts with texts.</summary>
/// <param name="model">A model with a head for the next token, and its adapters. It stays the caller's.</param>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <remarks>
/// Any number of threads may generate at once with one model; each call keeps what it needs for itself. Adapters may be added, removed and
/// merged
/// meanwhile: an answer goes on with those that it was begun with, unless they are removed.
/// </remarks>
public sealed class TextGenerator(PeftModel model, Tokenizer tokenizer)
{
    private readonly TokenGenerator _tokens = new(model);

    /// <summary>The model.</summary>
    public PeftModel Model => model;

    /// <summary>The tokenizer.</summary>
    public Tokenizer Tokenizer => tokenizer;

    /// <summary>
    /// Settings where a call gives none, with the end tokens of the model's <c>generation_config.json</c>; by default those of
    /// <see cref="GenerationOptions"/>.
    /// </summary>
    public GenerationOptions Defaults { get; init; } = new();

    /// <summary>Answers one text.</summary>
    /// <inheritdoc cref="Generate(IReadOnlyList{string}, GenerationOptions?, AdapterSelection?, CancellationToken)"/>
    public GeneratedText Generate(string prompt, GenerationOptions? options = null, AdapterSelection? selection = null,
        CancellationToken cancellation = default) =>
        Generate([prompt], options, selection, cancellation)[0];

    /// <summary>Answers several texts in one batch.</summary>
    /// <param name="prompts">The texts.</param>
    /// <param name="options">How to generate; null for <see cref="Defaults"/>.</param>
    /// <param name="selection">Which adapters act, on every text or one choice for each; null for none.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    /// <exception cref="PeftException">A setting is out of range, a text has no token or is too long, or the model gives no next
    /// token.</exception>
    public IReadOnlyList<GeneratedText> Generate(
        IReadOnlyList<string> prompts, GenerationOptions? options = null, AdapterSelection? selection = null,
            CancellationToken cancellation = default) =>
        Generate([.. prompts.Select(Encode)], options, selection, cancellation);

    /// <summary>Answers several prompts that are token ids already (those of a chat template, say) in one batch.</summary>
    /// <inheritdoc cref="Generate(IReadOnlyList{string}, GenerationOptions?, AdapterSelection?, CancellationToken)"/>
    public IReadOnlyList<GeneratedText> Generate(
        IReadOnlyList<int[]> prompts, GenerationOptions? options = null, AdapterSelection? selection = null,
            CancellationToken cancellation = default) =>
        Generate(prompts, options, selection, null, cancellation);

    /// <summary>The same, with what is left of an earlier prompt, which takes what is left of this one where it is alone.</summary>
    internal IReadOnlyList<GeneratedText> Generate(
        IReadOnlyList<int[]> prompts, GenerationOptions? options, AdapterSelection? selection, KeptKeys? kept,
            CancellationToken cancellation)
    {
        options ??= Defaults;
        var answers = options.Beams > 1 ? ByBeams(prompts, options, selection, cancellation)
            : TokenByToken(prompts, options, selection, kept, cancellation);
        return [.. answers.Select((answer, i) => new GeneratedText(answer.Text, answer.Tokens.Ids, answer.Tokens.Reason,
            prompts[i].Length) { ReusedTokens = answer.Reused })];
    }

    /// <summary>Answers one text piece by piece, as tokens come: whole characters, and nothing of a stop text.</summary>
    /// <param name="prompt">The text.</param>
    /// <param name="options">How to generate, without beams; null for <see cref="Defaults"/>.</param>
    /// <param name="selection">Which adapters act; null for none.</param>
    /// <param name="cancellation">Stops between two tokens with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="PeftException">As <see cref="Generate(string, GenerationOptions?, AdapterSelection?, CancellationToken)"/>; with
    /// the first piece.</exception>
    public IAsyncEnumerable<string> StreamAsync(
        string prompt, GenerationOptions? options = null, AdapterSelection? selection = null, CancellationToken cancellation = default) =>
        StreamAsync(Encode(prompt), options, selection, null, cancellation);

    /// <summary>Answers one prompt of token ids piece by piece.</summary>
    /// <param name="prompt">Token ids.</param>
    /// <param name="options">How to generate, without beams; null for <see cref="Defaults"/>.</param>
    /// <param name="selection">Which adapters act; null for none.</param>
    /// <param name="ended">Told the whole answer after its last piece.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    public IAsyncEnumerable<string> StreamAsync(
        int[] prompt, GenerationOptions? options = null, AdapterSelection? selection = null, Action<GeneratedText>? ended = null,
        CancellationToken cancellation = default) =>
        StreamAsync(prompt, options, selection, ended, null, cancellation);

    /// <summary>The same, with what is left of an earlier prompt, which takes what is left of this one.</summary>
    internal async IAsyncEnumerable<string> StreamAsync(
        int[] prompt, GenerationOptions? options, AdapterSelection? selection, Action<GeneratedText>? ended, KeptKeys? kept,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        options ??= Defaults;
        if (options.Beams > 1) throw new PeftException("Beam search knows its answer only at the end, so it cannot be streamed; use "
            + "one beam.");
        using var session = _tokens.Open([prompt], options, selection ?? AdapterSelection.None, out var most, kept);
        var endIds = _tokens.EndIds(options);
        var loop = new TokenLoop(session, options, endIds, most);
        var text = Answer(options);
        while (!loop.IsOver)
        {
            cancellation.ThrowIfCancellationRequested();
            // A token takes a while, and the caller's thread may be that of a window.
            var piece = await Task.Run(() => Take(loop, [text], endIds)[0], cancellation).ConfigureAwait(false);
            if (piece.Length > 0) yield return piece;
        }
        if (text.End() is { Length: > 0 } rest) yield return rest;
        ended?.Invoke(
            new(text.Text, loop.Answer(0).Ids, loop.Answer(0).Reason, prompt.Length) { ReusedTokens = session.Reused });
    }

    /// <summary>
    /// The token ids of a prompt, as <see cref="Generate(string, GenerationOptions?, AdapterSelection?, CancellationToken)"/> reads it.
    /// </summary>
    public int[] Encode(string prompt)
    {
        var ids = tokenizer.Encode(prompt).Ids;
        return model.Model.Head.Kind == Models.Heads.TaskKind.CausalLanguage
            ? EndTokens.WithoutEnd(ids, EndTokens.Of(model.Model.Config)) : ids;
    }

    private AnswerText Answer(GenerationOptions options)
    {
        var stream = tokenizer.DecodeStream();
        return new(stream.Add, stream.Finish, options.Stop);
    }

    private List<(string Text, GeneratedTokens Tokens, int Reused)> TokenByToken(
        IReadOnlyList<int[]> prompts, GenerationOptions options, AdapterSelection? selection, KeptKeys? kept,
        CancellationToken cancellation)
    {
        using var session = _tokens.Open(prompts, options, selection ?? AdapterSelection.None, out var most, kept);
        var endIds = _tokens.EndIds(options);
        var loop = new TokenLoop(session, options, endIds, most);
        AnswerText[] texts = [.. prompts.Select(_ => Answer(options))];
        while (!loop.IsOver)
        {
            cancellation.ThrowIfCancellationRequested();
            Take(loop, texts, endIds);
        }
        foreach (var text in texts) text.End();
        return [.. texts.Select((text, row) => (text.Text, loop.Answer(row), session.Reused))];
    }

    // The pieces of each row's next token.
    private static string[] Take(TokenLoop loop, AnswerText[] texts, IReadOnlyCollection<int> endIds)
    {
        var tokens = loop.Next();
        var pieces = new string[texts.Length];
        for (var row = 0; row < texts.Length; row++)
        {
            pieces[row] = tokens[row] is { } token && !endIds.Contains(token) ? texts[row].Add(token) : "";
            if (texts[row].IsStopped) loop.End(row, StopReason.StopText);
        }
        return pieces;
    }

    private List<(string Text, GeneratedTokens Tokens, int Reused)> ByBeams(
        IReadOnlyList<int[]> prompts, GenerationOptions options, AdapterSelection? selection, CancellationToken cancellation)
    {
        var answers = _tokens.Generate(prompts, options with { Stop = [] }, selection, cancellation);
        return [.. answers.Select(answer => Cut(answer, options))];
    }

    // Beam search looks at whole answers: a stop text ends one afterwards.
    private (string Text, GeneratedTokens Tokens, int Reused) Cut(GeneratedTokens answer, GenerationOptions options)
    {
        var ids = answer.Reason == StopReason.EndToken ? answer.Ids.SkipLast(1) : answer.Ids;
        var text = Answer(options);
        foreach (var id in ids) text.Add(id);
        text.End();
        return (text.Text, text.IsStopped ? answer with { Reason = StopReason.StopText } : answer, 0);
    }
}
