using System.Security.Cryptography;
using System.Text;
using PeftSharp.Tokenization.Legacy;
using PeftSharp.Tokenization.Models;
using PeftSharp.Tokenization.PostProcessors;
using PeftSharp.Tokenization.Settings;

namespace PeftSharp.Tokenization.SentencePiece;

/// <summary>The steps that a SentencePiece model stands for, with the tokens that tokenizer_config.json adds.</summary>
internal static class SentencePiecePipeline
{
    /// <summary>Builds the steps.</summary>
    /// <param name="file">The model.</param>
    /// <param name="bytes">Its bytes, of which the fingerprint is made.</param>
    /// <param name="config">tokenizer_config.json beside it; it may be missing.</param>
    /// <param name="settings">What that file sets besides.</param>
    public static Pipeline Build(SentencePieceFile file, byte[] bytes, TokenizerConfig config, TokenizerSettings settings)
    {
        var vocabulary = new Vocabulary();
        for (var id = 0; id < file.Pieces.Count; id++)
        {
            vocabulary.Add(file.Pieces[id].Text, id);
        }
        var pieces = file.Pieces.Count;
        var added = config.AddedTokens(vocabulary.Ids, new Dictionary<string, string>());
        var user = file.Pieces.Where(piece => piece.Kind == PieceKind.UserDefined).Select(piece => piece.Text).ToList();
        var whole = user.Count > 0 ? new UserPieces(user) : null;
        var model = Model(file, vocabulary, whole);
        foreach (var token in added.Where(token => token.Id >= pieces || vocabulary.IdOf(token.Content) != token.Id))
        {
            vocabulary.Add(token.Content, token.Id);
        }
        var found = added.Where(token => !settings.SplitSpecialTokens || !token.Special).Select(token => (token.Content, token));
        var special = file.Pieces.Select((piece, id) => (piece.Kind, id)).Where(p => p.Kind is PieceKind.Control or PieceKind.Unknown)
            .Select(p => p.id);
        var ends = SentencePieceEnds.Of(file, config, vocabulary);
        return new Pipeline
        {
            Vocabulary = vocabulary,
            Normalizer = new SentencePieceNormalizer(file, whole),
            PreTokenizer = null,
            Model = model,
            PostProcessor = new PostProcessor(ends.Single, ends.Pair, null),
            Decoder = new SentencePieceDecoder(file),
            RawTokens = Pipeline.Matcher(found),
            NormalizedTokens = null,
            SpecialIds = special.Concat(added.Where(token => token.Special).Select(token => token.Id)).ToHashSet(),
            Fingerprint = Fingerprint(bytes, added, ends, settings),
            Settings = settings,
        };
    }

    private static ITokenModel Model(SentencePieceFile file, Vocabulary vocabulary, UserPieces? user)
    {
        var findable = new Dictionary<string, int>();
        var ordinary = new List<(string Text, int Id, float Score)>();
        for (var id = 0; id < file.Pieces.Count; id++)
        {
            var (text, score, kind) = file.Pieces[id];
            if (kind is PieceKind.Normal or PieceKind.UserDefined)
            {
                findable.TryAdd(text, id);
            }
            if (kind == PieceKind.Normal)
            {
                ordinary.Add((text, id, score));
            }
        }
        var bytes = file.ByteFallback ? ByteTokens.Of(vocabulary) : null;
        if (file.IsBpe)
        {
            return new CharacterBpeModel(findable, ordinary, user, bytes, file.UnknownId, file.Pieces.Count);
        }
        var (best, worst) = ordinary.Count == 0 ? (0, 0) : (ordinary.Max(piece => piece.Score), ordinary.Min(piece => piece.Score));
        // A piece that the maker set wins over whatever could be made of its bytes.
        double Score(ScoredPiece piece) => piece.Kind == PieceKind.UserDefined
            ? Encoding.UTF8.GetByteCount(piece.Text) * best - 0.1 : piece.Score;
        return new UnigramModel(findable, [.. file.Pieces.Select(Score)], worst, bytes, file.UnknownId);
    }

    private static string Fingerprint(byte[] bytes, IReadOnlyList<AddedToken> added, SentencePieceEnds ends, TokenizerSettings settings)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(bytes);
        foreach (var token in added)
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"\n{token}"));
        }
        hash.AppendData(Encoding.UTF8.GetBytes($"\n{ends.Start} {ends.End} {settings}"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
