using PeftSharp.Sites;
using PeftSharp.Tokenization;

namespace PeftSharp.Generation;

/// <summary>A conversation with a model: what was said is kept, and each answer is given piece by piece.</summary>
/// <param name="generator">The model with its tokenizer.</param>
/// <param name="template">How the model was taught to read conversations.</param>
/// <remarks>
/// One thread at a time; several conversations may share a generator. What was computed for the conversation so far is kept between
/// answers, so that a turn costs its new tokens alone; where other adapters act, or weights were merged, it is computed anew. Weights of an
/// adapter that is trained between two answers are not watched: begin with <see cref="Forget"/> then.
/// </remarks>
public sealed class ChatSession(TextGenerator generator, IChatTemplate template) : IDisposable
{
    private readonly List<ChatMessage> _messages = [];
    private readonly KeptKeys _kept = new();

    /// <summary>What was said so far, instructions of the system first.</summary>
    public IReadOnlyList<ChatMessage> Messages => _messages;

    /// <summary>Which adapters act on the next answer; none by default.</summary>
    public AdapterSelection Selection { get; set; } = AdapterSelection.None;

    /// <summary>The last answer as a whole, with the reason why it ended; null before the first.</summary>
    public GeneratedText? Last { get; private set; }

    /// <summary>Begins anew, with instructions of the system or without.</summary>
    public void Reset(string? system = null)
    {
        _messages.Clear();
        Last = null;
        if (!string.IsNullOrWhiteSpace(system)) _messages.Add(new(ChatMessage.System, system));
    }

    /// <summary>Lets go of what was computed for the conversation, not of the conversation: the next answer computes it anew.</summary>
    public void Forget() => _kept.Dispose();

    /// <inheritdoc cref="Forget"/>
    public void Dispose() => Forget();

    /// <summary>
    /// Asks, and yields the answer piece by piece. An answer that is broken off, or fails, is kept as far as it came; of one that never
    /// began, the question goes too.
    /// </summary>
    /// <param name="text">What the user says.</param>
    /// <param name="options">How to generate; null for the generator's defaults.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    /// <exception cref="PeftException">The text is blank, the template refuses the conversation, or it is longer than the model
    /// takes.</exception>
    public async IAsyncEnumerable<string> AskAsync(
        string text, GenerationOptions? options = null,
            [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation = default)
    {
        if (string.IsNullOrWhiteSpace(text)) throw new PeftException("What was said is blank; say something.");
        _messages.Add(new(ChatMessage.User, text));
        var answer = new System.Text.StringBuilder();
        try
        {
            var prompt = template.Encode(_messages, beginAnswer: true);
            await foreach (var piece in generator.StreamAsync(prompt, options, Selection, whole => Last = whole,
                _kept, cancellation).ConfigureAwait(false))
            {
                answer.Append(piece);
                yield return piece;
            }
        }
        finally
        {
            if (answer.Length > 0) _messages.Add(new(ChatMessage.Assistant, answer.ToString()));
            else _messages.RemoveAt(_messages.Count - 1);
        }
    }
}
