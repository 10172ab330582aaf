using CsCheck;
using PeftSharp.Tokenization.Models;

namespace PeftSharp.Tests.Tokenization;

public class MergeTests
{
    // Of the letters a, b, c: each of these pairs merges, earlier ones first.
    private static readonly string[] pairs = ["a b", "b c", "ab c", "a a", "aa aa", "c c", "abc abc", "bc a", "cc ab"];

    [Fact]
    public void ShortAndLongWordsMergeAsTheDefinitionSays()
    {
        var tokens = new List<string> { "a", "b", "c" };
        var merges = new Dictionary<ulong, (int Rank, int Id)>();
        foreach (var pair in pairs.Select(pair => pair.Split(' ')))
        {
            tokens.Add(pair[0] + pair[1]);
            merges[MergeChain.Key(tokens.IndexOf(pair[0]), tokens.IndexOf(pair[1]))] = (merges.Count, tokens.Count - 1);
        }
        Gen.Int[0, 2].Array[0, 200].Sample(word =>
        {
            var chain = new MergeChain(merges, new MergeChain.Symbol[word.Length]);
            for (var i = 0; i < word.Length; i++)
            {
                chain.Append(word[i], i, i + 1);
            }
            var pieces = new List<TokenPiece>();
            chain.Run(pieces);
            Assert.Equal(Defined(word, merges), pieces.Select(piece => piece.Id));
            Assert.Equal(word.Length, pieces.Sum(piece => tokens[piece.Id].Length));
            Assert.All(
                pieces, piece => Assert.Equal(tokens[piece.Id], string.Concat(word[piece.Start..piece.End].Select(id => tokens[id]))));
        });
    }

    private static List<int> Defined(int[] word, Dictionary<ulong, (int Rank, int Id)> merges)
    {
        var ids = word.ToList();
        while (true)
        {
            var best = Enumerable.Range(0, Math.Max(0, ids.Count - 1))
                .Where(at => merges.ContainsKey(MergeChain.Key(ids[at], ids[at + 1])))
                .OrderBy(at => merges[MergeChain.Key(ids[at], ids[at + 1])].Rank).ThenBy(at => at)
                .Cast<int?>().FirstOrDefault();
            if (best is not { } found)
            {
                return ids;
            }
            ids[found] = merges[MergeChain.Key(ids[found], ids[found + 1])].Id;
            ids.RemoveAt(found + 1);
        }
    }
}
