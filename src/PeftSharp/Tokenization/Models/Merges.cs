using System.Text;
using System.Text.Json;
using PeftSharp.Files.Json;

namespace PeftSharp.Tokenization.Models;

/// <summary>Which two tokens merge into which third, and in what order: the lowest rank first.</summary>
internal static class Merges
{
    /// <summary>Reads the <c>merges</c> of a BPE model.</summary>
    public static Dictionary<ulong, (int Rank, int Id)> Read(JsonField model, Vocabulary vocabulary)
    {
        var merges = new Dictionary<ulong, (int Rank, int Id)>();
        foreach (var merge in model.Required("merges").Items())
        {
            var (left, right) = ReadPair(merge);
            var (leftId, rightId, id) = (vocabulary.IdOf(left), vocabulary.IdOf(right), vocabulary.IdOf(left + right));
            if (leftId < 0 || rightId < 0 || id < 0)
            {
                throw merge.Error($"\"{left}\" + \"{right}\", of which a part or the whole is not in the vocabulary",
                    "tokens of the vocabulary", "take vocabulary and merges from the same model");
            }
            merges.TryAdd(MergeChain.Key(leftId, rightId), (merges.Count, id));
        }
        return merges;
    }

    /// <summary>The merges of SentencePiece: two neighbours merge wherever their whole is a piece, that of the highest score
    /// first.</summary>
    /// <param name="pieces">Pieces that a merge may make, with their ids and scores.</param>
    /// <param name="idOf">The id of a part, or -1 where no merge takes it.</param>
    public static Dictionary<ulong, (int Rank, int Id)> Of(IReadOnlyCollection<(string Text, int Id, float Score)> pieces,
        Func<string, int> idOf)
    {
        var ranks = pieces.Select(piece => piece.Score).Distinct().OrderDescending().Select((score, rank) => (score, rank)).ToDictionary();
        var merges = new Dictionary<ulong, (int Rank, int Id)>();
        foreach (var (text, id, score) in pieces)
        {
            for (var at = First(text); at < text.Length; at += First(text.AsSpan(at)))
            {
                var (left, right) = (idOf(text[..at]), idOf(text[at..]));
                if (left >= 0 && right >= 0)
                {
                    merges.TryAdd(MergeChain.Key(left, right), (ranks[score], id));
                }
            }
        }
        return merges;
    }

    /// <summary>Refuses merges across a place at which a step sets bytes apart, which would join here what is apart there.</summary>
    /// <param name="parts">Whether the step parts a token somewhere within.</param>
    /// <param name="model">The <c>model</c> of tokenizer.json.</param>
    public static void RefuseAcross(Func<string, bool> parts, JsonField model)
    {
        if (model.Flag("ignore_merges", false))
        {
            throw model.Required("ignore_merges").Error("true behind Digits that follow ByteLevel", "false",
                "this tokenizer can't be read yet");
        }
        foreach (var merge in model.Required("merges").Items())
        {
            var (left, right) = ReadPair(merge);
            if (parts(left + right))
            {
                throw merge.Error($"\"{left}\" + \"{right}\", of which the Digits step sets one part aside",
                    "merges within what that step leaves together", "this tokenizer can't be read yet");
            }
        }
    }

    /// <summary>Refuses kinds of BPE that would be read wrongly.</summary>
    public static void RefuseOthers(JsonField model)
    {
        foreach (var name in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (model.Optional(name) is { } affix && affix.String().Length > 0)
            {
                throw affix.Error(affix.Describe(), "null or empty", "this BPE can't be read yet");
            }
        }
        if (model.Optional("dropout") is { } dropout
            && !(dropout.Element.ValueKind == JsonValueKind.Number && dropout.Element.GetDouble() == 0))
        {
            throw dropout.Error(dropout.Describe(), "null or 0", "random merges can't be reproduced: set it to null");
        }
    }

    private static int First(ReadOnlySpan<char> text)
    {
        Rune.DecodeFromUtf16(text, out _, out var size);
        return size;
    }

    private static (string Left, string Right) ReadPair(JsonField merge)
    {
        if (merge.Element.ValueKind == JsonValueKind.Array)
        {
            var parts = merge.Items().Take(3).Select(part => part.String()).ToArray();
            return parts.Length == 2 ? (parts[0], parts[1])
                : throw merge.Error(merge.Describe(), "two tokens", "download the file again");
        }
        var line = merge.String();
        var space = line.IndexOf(' ');
        return space > 0 && space < line.Length - 1 && line.LastIndexOf(' ') == space ? (line[..space], line[(space + 1)..])
            : throw merge.Error(merge.Describe(), "two tokens with a space between", "download the file again");
    }
}
