using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using PeftSharp.Sites;
using PeftSharp.Tokenization;
using Message = PeftSharp.Tokenization.ChatMessage;

namespace PeftSharp.Generation;

/// <summary>
/// A model with its adapters as the <see cref="IChatClient"/> of Microsoft.Extensions.AI, so that a program uses it as any other.
/// </summary>
/// <remarks>
/// Any number of threads may ask at once. <see cref="ChatOptions.ModelId"/> names the adapter that answers, or an expression of several,
/// and <c>base</c> none; without it,
/// <see cref="Selection"/> does. Temperature, top-p, top-k, seed, stop sequences, greatest number of tokens and instructions are honoured,
/// also
/// <c>repetition_penalty</c> and <c>min_p</c> of <see cref="ChatOptions.AdditionalProperties"/>; tools and answers in JSON are refused.
/// Messages are texts. What was computed for the last answer is kept for the next call that begins alike, with the same adapters.
/// </remarks>
/// <param name="generator">The model with its tokenizer; disposed with the client only where <paramref name="owner"/> says so.</param>
/// <param name="template">How the model was taught to read conversations; null for the tokenizer's own template.</param>
/// <param name="name">What the model is called in answers; default its architecture.</param>
/// <param name="owner">What is disposed with the client; null for nothing.</param>
public sealed class PeftChatClient(TextGenerator generator, IChatTemplate? template = null, string? name = null,
    IDisposable? owner = null) : IChatClient
{
    private const string Base = "base";

    private readonly IChatTemplate _template = template ?? generator.Tokenizer.Chat
        ?? throw new PeftException("The model has no chat template (chat_template.jinja, or chat_template in tokenizer_config.json); "
            + "give one, or PlainChat for a model that was taught none.");

    // What is left of the last answer; taken out while a call uses it, so that calls at once do not share it.
    private KeptKeys? _kept = new();
    private volatile bool _disposed;

    private readonly ChatClientMetadata _metadata = new("PeftSharp", null, name ?? generator.Model.Model.Config.ModelType);

    /// <summary>Which adapters answer where a call names none; none by default.</summary>
    public AdapterSelection Selection { get; init; } = AdapterSelection.None;

    /// <inheritdoc/>
    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<Microsoft.Extensions.AI.ChatMessage> messages, ChatOptions? options = null,
            CancellationToken cancellationToken = default)
    {
        var (prompt, how, selection) = (Prompt(messages, options), Options(options), SelectionOf(options));
        using var kept = new Loan(this);
        var answer = await Task.Run(() => generator.Generate([prompt], how, selection, kept.Keys, cancellationToken)[0],
            cancellationToken).ConfigureAwait(false);
        return new(new Microsoft.Extensions.AI.ChatMessage(ChatRole.Assistant, answer.Text))
        {
            ModelId = options?.ModelId ?? _metadata.DefaultModelId,
            FinishReason = Reason(answer),
            Usage = UsageOf(answer),
        };
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<Microsoft.Extensions.AI.ChatMessage> messages,
            ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var (prompt, how, selection) = (Prompt(messages, options), Options(options), SelectionOf(options));
        var (model, id) = (options?.ModelId ?? _metadata.DefaultModelId, Guid.NewGuid().ToString("N"));
        GeneratedText? whole = null;
        using var kept = new Loan(this);
        await foreach (var piece in generator.StreamAsync(prompt, how, selection, answer => whole = answer, kept.Keys,
            cancellationToken).ConfigureAwait(false))
            yield return new(ChatRole.Assistant, piece) { ModelId = model, ResponseId = id, MessageId = id };
        if (whole is null) yield break;
        yield return new(ChatRole.Assistant, [new UsageContent(UsageOf(whole))])
        {
            ModelId = model,
            ResponseId = id,
            MessageId = id,
            FinishReason = Reason(whole)
        };
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        object[] services = [this, _metadata, generator, generator.Model, generator.Tokenizer];
        return Array.Find(services, serviceType.IsInstanceOfType);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        Interlocked.Exchange(ref _kept, null)?.Dispose();
        owner?.Dispose();
    }

    private void TakeBack(KeptKeys keys)
    {
        Interlocked.Exchange(ref _kept, keys);
        if (_disposed) Interlocked.Exchange(ref _kept, null)?.Dispose();
    }

    private int[] Prompt(IEnumerable<Microsoft.Extensions.AI.ChatMessage> messages, ChatOptions? options)
    {
        ArgumentNullException.ThrowIfNull(messages);
        if (options?.Tools is { Count: > 0 }) throw new NotSupportedException("Tools are not supported: the model answers with text "
            + "alone. Leave ChatOptions.Tools out.");
        if (options?.ResponseFormat is not (null or ChatResponseFormatText)) throw new NotSupportedException("Only text is supported "
            + "as the format of answers. Leave ChatOptions.ResponseFormat out.");
        var turns = messages.Select(Turn).ToList();
        if (options?.Instructions is { Length: > 0 } system) turns.Insert(0, new(Message.System, system));
        if (turns.Count == 0) throw new PeftException("There is no message; give at least one of the user.");
        return _template.Encode(turns, beginAnswer: true);
    }

    private static Message Turn(Microsoft.Extensions.AI.ChatMessage message)
    {
        if (message.Contents.FirstOrDefault(content => content is not TextContent) is { } other)
            throw new NotSupportedException($"A message holds {other.GetType().Name}; the model reads text alone.");
        return new(message.Role.Value, message.Text);
    }

    private GenerationOptions Options(ChatOptions? options)
    {
        var defaults = generator.Defaults;
        if (options is null) return defaults;
        double? Extra(string key) => options.AdditionalProperties?.TryGetValue(key, out var value) == true && value is not null
            ? Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture)
            : null;
        // Where tokens are not drawn, limits on what is drawn mean nothing; other clients pass them along with a temperature of 0.
        var temperature = options.Temperature ?? defaults.Temperature;
        var draws = temperature > 0;
        return defaults with
        {
            Temperature = temperature,
            TopP = draws ? options.TopP ?? defaults.TopP : 1,
            TopK = draws ? options.TopK ?? defaults.TopK : 0,
            MinP = draws ? Extra("min_p") ?? defaults.MinP : 0,
            RepetitionPenalty = Extra("repetition_penalty") ?? defaults.RepetitionPenalty,
            MaxNewTokens = options.MaxOutputTokens ?? defaults.MaxNewTokens,
            Seed = options.Seed is { } seed ? unchecked((ulong)seed) : defaults.Seed,
            Stop = options.StopSequences is { Count: > 0 } stops ? [.. stops] : defaults.Stop,
        };
    }

    private AdapterSelection SelectionOf(ChatOptions? options)
    {
        if (options?.ModelId is not { Length: > 0 } named || named == _metadata.DefaultModelId) return Selection;
        return named == Base ? AdapterSelection.None : generator.Model.Select(named);
    }

    private static ChatFinishReason Reason(GeneratedText answer) => answer.Reason == StopReason.Length ? ChatFinishReason.Length
        : ChatFinishReason.Stop;

    private static UsageDetails UsageOf(GeneratedText answer) => new()
    {
        InputTokenCount = answer.PromptTokens,
        OutputTokenCount = answer.Ids.Count,
        TotalTokenCount = answer.PromptTokens + answer.Ids.Count,
        CachedInputTokenCount = answer.ReusedTokens,
    };

    // The last answer's keys for the time of a call; a call at the same time finds none.
    private sealed class Loan(PeftChatClient client) : IDisposable
    {
        public KeptKeys? Keys { get; } = Interlocked.Exchange(ref client._kept, null);

        public void Dispose()
        {
            if (Keys is not null) client.TakeBack(Keys);
        }
    }
}
