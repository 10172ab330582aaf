using System.Collections.Concurrent;
using PeftSharp.Files.Json;
using PeftSharp.Tokenization.Chat;
using PeftSharp.Tokenization.Legacy;
using PeftSharp.Tokenization.SentencePiece;
using PeftSharp.Tokenization.Settings;

namespace PeftSharp.Tokenization;

/// <summary>
/// Text to token ids and back, exactly as the tokenizer files of a model say. Safe to use from several threads at once.
/// </summary>
/// <remarks>
/// Reads WordPiece, BPE over bytes or characters, and Unigram, from tokenizer.json; BPE and Unigram from a SentencePiece model too.
/// Truncation and padding set inside tokenizer.json are ignored: the caller passes a length.
/// </remarks>
public sealed class Tokenizer
{
    private readonly Pipeline pipeline;
    private readonly ConcurrentBag<Encoder> encoders = [];

    private readonly Lazy<ChatTemplate?> chat;

    private Tokenizer(TokenizerFiles files, Pipeline pipeline)
    {
        chat = new(() => ChatTemplateFile.Find(files));
        Files = files;
        this.pipeline = pipeline;
        PadId = FindPadId();
    }

    /// <summary>
    /// The id of the padding token: what tokenizer_config.json or special_tokens_map.json names, else [PAD] or &lt;pad&gt;; null if
    /// there is none (GPT-2).
    /// </summary>
    public int? PadId { get; }

    /// <summary>Most tokens that the model takes, as <c>model_max_length</c> says it; null where nothing does. Nothing is cut by
    /// itself.</summary>
    public int? MaxLength => pipeline.Settings.MaxLength;

    /// <summary>One more than the largest id: an embedding table needs at least as many rows.</summary>
    public int VocabularySize => pipeline.Vocabulary.Size;

    /// <summary>
    /// SHA-256, in lower-case hex, of everything that decides ids and text. Equal for files that differ only in layout, or in
    /// truncation and padding settings.
    /// </summary>
    internal string Fingerprint => pipeline.Fingerprint;

    /// <summary>
    /// Reads a tokenizer from a model folder (tokenizer.json, else tokenizer.model or spiece.model, else vocab.txt, else vocab.json with
    /// merges.txt), from a tokenizer.json or from a SentencePiece model. What tokenizer_config.json beside it sets otherwise (lower case,
    /// accents, first space, side of truncation, added
    /// tokens) counts as it does for the class that it names.
    /// </summary>
    /// <exception cref="PeftException">There is no tokenizer, it is damaged, or it has a part that can't be read yet.</exception>
    public static Tokenizer Load(string folderOrFile)
    {
        ArgumentException.ThrowIfNullOrEmpty(folderOrFile);
        var files = TokenizerFiles.Read(folderOrFile);
        bool Has(string name) => files.Find(name) is not null;
        var config = new TokenizerConfig(files);
        var model = TokenizerFiles.PieceModels.FirstOrDefault(Has);
        if (model is not null && !Has(TokenizerFiles.Json))
        {
            return FromPieces(files, model, config);
        }
        if (!Has(TokenizerFiles.Json) && !TokenizerClass.Named(config.ClassName).ReadsVocabulary)
        {
            throw new PeftException($"{config.File}: tokenizer_class is \"{config.ClassName}\", which files of a vocabulary do not "
                + "describe in full; "
                + "expected a tokenizer.json beside it: save the tokenizer again in Python as a fast one.");
        }
        var (source, json) = Has(TokenizerFiles.Json) ? (TokenizerFiles.Json, files.Find(TokenizerFiles.Json)!)
            : Has("vocab.txt") ? ("vocab.txt", VocabularyFolder.FromVocabularyText(files))
            : Has("vocab.json") && Has("merges.txt") ? ("vocab.json", VocabularyFolder.FromMerges(files))
            : throw new PeftException($"{folderOrFile} holds no tokenizer.json, vocab.txt, tokenizer.model, or vocab.json with "
                + "merges.txt: copy one of "
                + "them from the model's page into it.");
        using var asWritten = JsonField.Parse(files.PathOf(source), json);
        var written = JsonField.Root(files.PathOf(source), asWritten);
        using var asMeant = new TokenizerOverrides(config, written).Apply() is { } changed ? JsonField.Parse(files.PathOf(source), changed)
            : null;
        return new Tokenizer(files,
            Pipeline.Read(JsonField.Root(files.PathOf(source), asMeant ?? asWritten), TokenizerSettings.Read(config, written)));
    }

    /// <summary>Encodes a text, or a pair of texts.</summary>
    /// <param name="text">The text.</param>
    /// <param name="pair">The second text of a pair; null or empty if there is none.</param>
    /// <param name="addSpecialTokens">Whether to add the special tokens that the model was trained with.</param>
    /// <param name="maxLength">
    /// Most tokens in all, special ones included; null means no limit. Tokens are dropped on the right (on the left where
    /// <c>truncation_side</c> says so), from the longer text first.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxLength"/> has no room for the special tokens.</exception>
    public TokenizedText Encode(string text, string? pair = null, bool addSpecialTokens = true, int? maxLength = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        var encoder = encoders.TryTake(out var idle) ? idle : new Encoder(pipeline);
        var encoding = encoder.Encode(text, string.IsNullOrEmpty(pair) ? null : pair, addSpecialTokens, maxLength);
        encoders.Add(encoder);
        return encoding;
    }

    /// <summary>How the model wants a conversation written, as chat_template.jinja or tokenizer_config.json says; null if neither
    /// does.</summary>
    /// <exception cref="PeftException">The template has what is not supported.</exception>
    public ChatTemplate? ChatTemplate => chat.Value;

    /// <summary>Conversations to token ids by <see cref="ChatTemplate"/>; null where there is none.</summary>
    /// <exception cref="PeftException">The template has what is not supported.</exception>
    public IChatTemplate? Chat => chat.Value is { } template ? new TokenizerChat(this, template) : null;

    /// <summary>
    /// Encodes a conversation. Special tokens come from the template alone: where a message spells one, it is encoded as the text that it
    /// is.
    /// No others are added around it.
    /// </summary>
    /// <param name="chat">What a template wrote.</param>
    /// <returns>The tokens, offsets within <see cref="ChatText.Text"/>.</returns>
    public TokenizedText Encode(ChatText chat)
    {
        ArgumentNullException.ThrowIfNull(chat);
        var encoder = encoders.TryTake(out var idle) ? idle : new Encoder(pipeline);
        var encoding = encoder.Encode(chat.Text, chat.IsSaid);
        encoders.Add(encoder);
        return encoding;
    }

    /// <summary>Encodes many texts, or pairs of texts, on all processors; results are in the order of the texts.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="pairs">The second texts, one for each text, or null.</param>
    /// <param name="addSpecialTokens">Whether to add the special tokens that the model was trained with.</param>
    /// <param name="maxLength">Most tokens per text or pair, special ones included; null means no limit.</param>
    /// <exception cref="ArgumentException"><paramref name="pairs"/> has another length than <paramref name="texts"/>.</exception>
    public IReadOnlyList<TokenizedText> EncodeBatch(
        IReadOnlyList<string> texts, IReadOnlyList<string?>? pairs = null, bool addSpecialTokens = true, int? maxLength = null)
    {
        ArgumentNullException.ThrowIfNull(texts);
        if (pairs is not null && pairs.Count != texts.Count)
        {
            throw new ArgumentException($"There are {pairs.Count} second texts for {texts.Count} texts: pass one for each.", nameof(pairs));
        }
        const int chunk = 256;
        var encodings = new TokenizedText[texts.Count];
        try
        {
            Parallel.For(0, (texts.Count + chunk - 1) / chunk, at =>
            {
                for (var i = at * chunk; i < Math.Min(texts.Count, (at + 1) * chunk); i++)
                {
                    encodings[i] = Encode(texts[i], pairs?[i], addSpecialTokens, maxLength);
                }
            });
        }
        catch (AggregateException error)
        {
            // The first failure says what all of them say.
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(error.InnerExceptions[0]);
        }
        return encodings;
    }

    /// <summary>Turns ids back into text.</summary>
    /// <param name="ids">Token ids; those that no token has are passed over.</param>
    /// <param name="skipSpecialTokens">Whether to leave special tokens out.</param>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true)
    {
        var tokens = new List<string>(ids.Length);
        foreach (var id in ids)
        {
            if (IdToToken(id) is { } token && !(skipSpecialTokens && pipeline.SpecialIds.Contains(id)))
            {
                tokens.Add(token);
            }
        }
        pipeline.Decoder.Decode(tokens);
        return string.Concat(tokens);
    }

    /// <summary>A decoder for tokens that come one by one: its pieces, joined, are what <see cref="Decode"/> gives, and none ends inside a
    /// character.</summary>
    /// <param name="skipSpecialTokens">Whether to leave special tokens out.</param>
    public TokenStream DecodeStream(bool skipSpecialTokens = true) => new(this, skipSpecialTokens);

    /// <summary>The id of a token as the vocabulary spells it, or null.</summary>
    public int? TokenToId(string token) => pipeline.Vocabulary.IdOf(token) is >= 0 and var id ? id : null;

    /// <summary>The token of an id as the vocabulary spells it, or null.</summary>
    public string? IdToToken(int id) => pipeline.Vocabulary.TokenOf(id);

    /// <summary>The steps.</summary>
    internal Pipeline Steps => pipeline;

    /// <summary>The files that it was read from.</summary>
    internal TokenizerFiles Files { get; }

    /// <summary>Names and exact lengths in bytes of the files that <see cref="Save"/> writes.</summary>
    internal IReadOnlyList<KeyValuePair<string, long>> SavedFiles => Files.Lengths;

    /// <summary>Writes the files that the tokenizer was read from into a folder, byte for byte.</summary>
    public void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        Files.Save(folder);
    }

    private static Tokenizer FromPieces(TokenizerFiles files, string name, TokenizerConfig config)
    {
        var bytes = files.Find(name)!;
        using var nothing = JsonField.Parse(files.PathOf(name), "{}"u8.ToArray());
        var settings = TokenizerSettings.Read(config, JsonField.Root(files.PathOf(name), nothing));
        return new Tokenizer(files,
            SentencePiecePipeline.Build(SentencePieceFile.Read(files.PathOf(name), bytes), bytes, config, settings));
    }

    private int? FindPadId()
    {
        var named = new TokenizerConfig(Files).Token("pad_token");
        return named is not null ? TokenToId(named) : TokenToId("[PAD]") ?? TokenToId("<pad>");
    }
}
