using System.Text.Json;
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
        var kind = KindOf(model);
        var scores = Array.Empty<double>();
        var vocabulary = kind == "Unigram" ? Vocabulary.ReadScored(model.Required("vocab"), out scores)
            : Vocabulary.Read(model.Required("vocab"));
        var normalizer = file.Optional("normalizer") is { } normalizerField ? NormalizerReader.Read(normalizerField) : null;
        var preTokenizer = file.Optional("pre_tokenizer") is { } splitter ? PreTokenizerReader.Read(splitter) : null;
        var tokenModel = ReadModel(model, kind, vocabulary, scores, PreTokenizerReader.IsByteLevel(preTokenizer));
        if (PreTokenizerReader.DigitsOfBytes(preTokenizer) is { } digits && tokenModel is BpeModel)
        {
            Merges.RefuseAcross(digits.Parts, model);
        }
        var added = ReadAddedTokens(file, vocabulary);
        var found = settings.SplitSpecialTokens ? added.Where(token => !token.Special).ToList() : added;
        var postProcessor = new PostProcessorReader(vocabulary).Read(file.Optional("post_processor"));
        return new Pipeline
        {
            Vocabulary = vocabulary,
            Normalizer = normalizer,
            PreTokenizer = preTokenizer,
            Model = tokenModel,
            PostProcessor = postProcessor,
            Decoder = file.Optional("decoder") is { } decoder ? DecoderReader.Read(decoder) : new SpaceDecoder(),
            RawTokens = Matcher(found.Where(token => !token.Normalized).Select(token => (token.Content, token))),
            NormalizedTokens = Matcher(found.Where(token => token.Normalized)
                .Select(token => (Normalize(token.Content, normalizer), token))),
            SpecialIds = added.Where(token => token.Special).Select(token => token.Id).Concat(postProcessor.SpecialIds)
                .Concat(tokenModel is UnigramModel { UnknownId: var unknown } ? [unknown] : []).ToHashSet(),
            Fingerprint = TokenizerFiles.Fingerprint(file.Element, settings),
            Settings = settings,
        };
    }

    // Old files leave the type out where members tell it.
    private static string KindOf(JsonField model) => model.Optional("type")?.String()
        ?? (model.Required("vocab").Element.ValueKind == JsonValueKind.Array ? "Unigram" : model.Optional("merges") is null ? "WordPiece"
            : "BPE");

    private static ITokenModel ReadModel(JsonField field, string kind, Vocabulary vocabulary, double[] scores, bool byteLevel) =>
        kind switch
        {
            "WordPiece" => new WordPieceModel(field, vocabulary),
            "BPE" => byteLevel ? new BpeModel(field, vocabulary) : new CharacterBpeModel(field, vocabulary),
            "Unigram" => new UnigramModel(field, vocabulary, scores),
            _ => throw field.Required("type").Error(kind, "WordPiece, BPE or Unigram", "this tokenizer can't be read yet"),
        };

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

    internal static AddedTokenMatcher? Matcher(IEnumerable<(string Text, AddedToken Token)> tokens)
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
