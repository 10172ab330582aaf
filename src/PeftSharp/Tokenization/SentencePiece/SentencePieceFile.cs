using System.Text;
using PeftSharp.Files;
using PeftSharp.Tokenization.Models;
using PeftSharp.Tokenization.Normalizers;

namespace PeftSharp.Tokenization.SentencePiece;

/// <summary>A SentencePiece model (<c>tokenizer.model</c>, <c>spiece.model</c>) as its file says.</summary>
internal sealed record SentencePieceFile
{
    private const int LongestPiece = 4096;

    /// <summary>What the file is called in errors.</summary>
    public required string Path { get; init; }

    /// <summary>The pieces in the order of their ids.</summary>
    public IReadOnlyList<ScoredPiece> Pieces { get; init; } = [];

    /// <summary>True of BPE; false of a Unigram model.</summary>
    public bool IsBpe { get; init; }

    /// <summary>Whether characters that no piece covers become bytes.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>What an unknown token is in decoded text.</summary>
    public string UnknownText { get; init; } = " \u2047 ";

    /// <summary>Replacements of characters; null for none.</summary>
    public CharacterMap? Replacements { get; init; }

    /// <summary>The bytes of <see cref="Replacements"/> in the file; empty for none.</summary>
    public byte[] ReplacementBytes { get; init; } = [];

    /// <summary>Whether a space is put before a text.</summary>
    public bool AddsSpace { get; init; } = true;

    /// <summary>Whether spaces at the ends go, and runs of them become one.</summary>
    public bool RemovesSpaces { get; init; } = true;

    /// <summary>Whether spaces become U+2581.</summary>
    public bool EscapesSpaces { get; init; } = true;

    /// <summary>The unknown token.</summary>
    public int UnknownId { get; init; }

    /// <summary>Reads a file that is in memory.</summary>
    /// <exception cref="PeftException">It is damaged, or of a kind that can't be read.</exception>
    public static SentencePieceFile Read(string path, ReadOnlySpan<byte> bytes)
    {
        var file = new SentencePieceFile { Path = path };
        var pieces = new List<ScoredPiece>();
        var reader = new ProtoReader(path, bytes);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    if (pieces.Count > Vocabulary.LargestId)
                    {
                        throw reader.Bad($"has more than {Vocabulary.LargestId + 1:N0} pieces");
                    }
                    pieces.Add(Piece(path, reader.Bytes, pieces.Count));
                    break;
                case 2:
                    file = file.WithTraining(reader.Bytes);
                    break;
                case 3:
                    file = file.WithNormalizer(reader.Bytes);
                    break;
            }
        }
        var unknown = pieces.FindIndex(piece => piece.Kind == PieceKind.Unknown);
        if (unknown < 0)
        {
            throw reader.Bad(pieces.Count == 0 ? "has no pieces" : $"has no piece of the kind unknown among its {pieces.Count:N0}");
        }
        return file with { Pieces = pieces, UnknownId = unknown };
    }

    private static ScoredPiece Piece(string path, ReadOnlySpan<byte> bytes, int id)
    {
        var reader = new ProtoReader(path, bytes);
        var piece = new ScoredPiece("", 0, PieceKind.Normal);
        while (reader.Next())
        {
            piece = reader.Field switch
            {
                1 => piece with { Text = Text(reader.Bytes, reader, id) },
                2 => piece with { Score = reader.Single },
                3 => piece with { Kind = (PieceKind)Math.Min(reader.Number, int.MaxValue) },
                _ => piece,
            };
        }
        if (piece.Text.Length == 0)
        {
            throw reader.Bad($"has an empty piece {id}");
        }
        if (!Enum.IsDefined(piece.Kind))
        {
            throw reader.Bad($"has the piece {id}, {Quoted.Name(piece.Text)}, of kind {(int)piece.Kind}, and there are only 1 to 6");
        }
        return float.IsFinite(piece.Score) ? piece : throw reader.Bad($"gives the piece {id}, {Quoted.Name(piece.Text)}, a score that is "
            + "no finite number");
    }

    private static string Text(ReadOnlySpan<byte> bytes, in ProtoReader reader, int id)
    {
        if (bytes.Length > LongestPiece)
        {
            throw reader.Bad($"has the piece {id} of {bytes.Length:N0} bytes, above the limit of {LongestPiece:N0}");
        }
        return System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes)
            : throw reader.Bad($"has the piece {id}, which is not UTF-8");
    }

    private SentencePieceFile WithTraining(ReadOnlySpan<byte> bytes)
    {
        var reader = new ProtoReader(Path, bytes);
        var file = this;
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 3:
                    file = file with { IsBpe = reader.Number == 2 };
                    if (reader.Number is not (1 or 2))
                    {
                        throw reader.Bad($"is of the model type {reader.Number} (words or characters), and only Unigram (1) and BPE (2) "
                            + "can be read");
                    }
                    break;
                case 24 when reader.Number != 0:
                    throw reader.Bad("keeps spaces behind words (treat_whitespace_as_suffix), which can't be read");
                case 35:
                    file = file with { ByteFallback = reader.Number != 0 };
                    break;
                case 44:
                    file = file with { UnknownText = Encoding.UTF8.GetString(reader.Bytes) };
                    break;
            }
        }
        return file;
    }

    private SentencePieceFile WithNormalizer(ReadOnlySpan<byte> bytes)
    {
        var reader = new ProtoReader(Path, bytes);
        var file = this;
        while (reader.Next())
        {
            file = reader.Field switch
            {
                2 when reader.Bytes.Length > 0 => file with
                {
                    Replacements = CharacterMap.TryRead(reader.Bytes) ?? throw reader.Bad("has a table of characters that is none"),
                    ReplacementBytes = reader.Bytes.ToArray(),
                },
                3 => file with { AddsSpace = reader.Number != 0 },
                4 => file with { RemovesSpaces = reader.Number != 0 },
                5 => file with { EscapesSpaces = reader.Number != 0 },
                _ => file,
            };
        }
        return file;
    }
}
