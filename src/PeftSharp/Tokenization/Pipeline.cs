using PeftSharp.Files.Json;
using PeftSharp.Tokenization.Decoders;
using PeftSharp.Tokenization.Models;
using PeftSharp.Tokenization.Normalizers;
using PeftSharp.Tokenization.PostProcessors;
using PeftSharp.Tokenization.PreTokenizers;
using PeftSharp.Tokenization.Settings;

namespace PeftSharp.Tokenization;

/// <summary>The parts of a tokenizer.json, ready to run. Immutable: threads share it.</summary>
internal sealed class Pipeline
{
    private const int MostAddedTokens = 100_000;

    public required Vocabulary Vocabulary { get; init; }

    public required INormalizer? Normalizer { get; init; }

    public required IPreTokenizer? PreTokenizer { get; init; }

    public required ITokenModel Model { get; init; }

    public required PostProcessor PostProcessor { get; init; }

    public required IDecoder Decoder { get; init; }

    /// <summary>Added tokens found in the text as it came; null if there are none.</summary>
    public required AddedTokenMatcher? RawTokens { get; init; }

    /// <summary>Added tokens found in normalized text; null if there are none.</summary>
    public required AddedTokenMatcher? NormalizedTokens { get; init; }

    /// <summary>Ids that decoding without special tokens leaves out.</summary>
    public required IReadOnlySet<int> SpecialIds { get; init; }

    /// <summary>The fingerprint of the file.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>What stands beside the steps.</summary>
    public required TokenizerSettings Settings { get; init; }

    public static Pipeline Read(JsonField file, TokenizerSettings settings)
    {
        var model = file.Required("model");
        var vocabulary = Vocabulary.Read(model.Required("vocab"));
        var normalizer = file.Optional("normalizer") is { } normalizerField ? NormalizerReader.Read(normalizerField) : null;
        var preTokenizer = file.Optional("pre_tokenizer") is { } splitter ? PreTokenizerReader.Read(splitter) : null;
        var tokenModel = ReadModel(model, vocabulary, PreTokenizerReader.IsByteLevel(preTokenizer));
        var added = ReadAddedTokens(file, vocabulary);
        var found = settings.SplitSpecialTokens ? added.Where(token => !token.Special).ToList() : added;
        return new Pipeline
        {
            Vocabulary = vocabulary,
            Normalizer = normalizer,
            PreTokenizer = preTokenizer,
            Model = tokenModel,
            PostProcessor = new PostProcessorReader(vocabulary).Read(file.Optional("post_processor")),
            Decoder = file.Optional("decoder") is { } decoder ? DecoderReader.Read(decoder) : new SpaceDecoder(),
            RawTokens = Matcher(found.Where(token => !token.Normalized).Select(token => (token.Content, token))),
            NormalizedTokens = Matcher(found.Where(token => token.Normalized)
                .Select(token => (Normalize(token.Content, normalizer), token))),
            SpecialIds = added.Where(token => token.Special).Select(token => token.Id).ToHashSet(),
            Fingerprint = TokenizerFiles.Fingerprint(file.Element, settings),
            Settings = settings,
        };
    }

    private static ITokenModel ReadModel(JsonField field, Vocabulary vocabulary, bool byteLevel)
    {
        // Old files leave the type out where members tell it.
        var type = field.Optional("type");
        var name = type?.String() ?? (field.Optional("merges") is null ? "WordPiece" : "BPE");
        return name switch
        {
            "WordPiece" => new WordPieceModel(field, vocabulary),
            "BPE" when byteLevel => new BpeModel(field, vocabulary),
            "BPE" => throw field.Required("type").Error("BPE without a ByteLevel pre-tokenizer", "WordPiece or byte-level BPE",
                "this tokenizer can't be read yet"),
            _ => throw field.Required("type").Error(name, "WordPiece or byte-level BPE", "this tokenizer can't be read yet"),
        };
    }

    private static List<AddedToken> ReadAddedTokens(JsonField file, Vocabulary vocabulary)
    {
        var added = new List<AddedToken>();
        if (file.Optional("added_tokens") is { } list)
        {
            foreach (var item in list.Items())
            {
                if (added.Count == MostAddedTokens)
                {
                    throw list.Error($"a list of more than {MostAddedTokens:N0}", "fewer added tokens", "check that it is a tokenizer");
                }
                var token = AddedToken.Read(item);
                // The model's own id wins, as it does in the library that writes these files.
                var known = vocabulary.IdOf(token.Content);
                added.Add(known < 0 || known == token.Id ? token : token with { Id = known });
                vocabulary.Add(token.Content, added[^1].Id);
            }
        }
        return added;
    }

    private static AddedTokenMatcher? Matcher(IEnumerable<(string Text, AddedToken Token)> tokens)
    {
        var findable = tokens.Where(entry => entry.Text.Length > 0).ToList();
        return findable.Count > 0 ? new AddedTokenMatcher(findable) : null;
    }

    private static string Normalize(string content, INormalizer? normalizer)
    {
        var text = new NormalizedText();
        text.Reset(content, 0);
        normalizer?.Normalize(text);
        return text.Chars.ToString();
    }
}
