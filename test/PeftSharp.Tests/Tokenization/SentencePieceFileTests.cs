using System.Text;
using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Tokenization;

/// <summary>SentencePiece models written by hand, field by field.</summary>
public class SentencePieceFileTests
{
    [Theory]
    [InlineData("0A", "ends in the middle of a field")]
    [InlineData("0AFFFFFFFFFFFFFFFF7F", "ends in the middle of a field")]
    [InlineData("0880808080808080808080808000", "holds a number of more than 64 bits")]
    [InlineData("0B", "has a field of the kind 3")]
    [InlineData("1A00", "has no pieces")]
    [InlineData("0A030A0161", "has no piece of the kind unknown among its 1")]
    [InlineData("0A00", "has an empty piece 0")]
    [InlineData("0A050A01611863", "has the piece 0, \"a\", of kind 99")]
    [InlineData("0A030A01FF", "has the piece 0, which is not UTF-8")]
    [InlineData("0A080A0161150000C07F", "gives the piece 0, \"a\", a score that is no finite number")]
    [InlineData("12021804", "is of the model type 4")]
    [InlineData("1203C00101", "keeps spaces behind words")]
    [InlineData("1A051203010203", "has a table of characters that is none")]
    public void ADamagedModelIsRefusedWithASentence(string hex, string message)
    {
        using var folder = Folder(Convert.FromHexString(hex));
        var error = Assert.Throws<PeftException>(() => Tokenizer.Load(folder.Path)).Message;
        Assert.Contains($"tokenizer.model {message}", error);
        Assert.EndsWith("expected a SentencePiece model: download the file again.", error);
    }

    [Fact]
    public void PiecesOfTheMakerAreTakenWhole()
    {
        foreach (var isBpe in new[] { true, false })
        {
            using var folder = Folder(Model(isBpe, ("<unk>", 0, 2), ("a", -1, 1), ("b", -2, 1), ("ab", -0.5f, 1), ("ba", -0.1f, 1),
                ("\u2581", -3, 1), ("[ab]", 0, 4)));
            var tokenizer = Tokenizer.Load(folder.Path);
            Assert.Equal([5, 6, 4, 1], tokenizer.Encode("[ab]baa", addSpecialTokens: false).Ids);
            Assert.Equal("[ab]baa", tokenizer.Decode(tokenizer.Encode("[ab]baa", addSpecialTokens: false).Ids));
        }
    }

    [Fact]
    public void ACharacterThatIsNoPieceOfItsOwnStillMerges()
    {
        using var folder = Folder(Model(true, ("<unk>", 0, 2), ("a", -2, 1), ("ax", -1, 1), ("\u2581", -3, 1)));
        var tokenizer = Tokenizer.Load(folder.Path);
        Assert.Equal([3, 2, 1, 0], tokenizer.Encode("axa??", addSpecialTokens: false).Ids);
        Assert.Equal([3, 0, 2], tokenizer.Encode("xax", addSpecialTokens: false).Ids);
    }

    [Fact]
    public void TheClassDecidesWhatStandsAtTheEnds()
    {
        var model = Model(true, ("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("a", -1, 1), ("\u2581", -2, 1));
        int[] Ids(string? config)
        {
            using var folder = Folder(model);
            if (config is not null)
            {
                folder.Write("tokenizer_config.json", config);
            }
            return Tokenizer.Load(folder.Path).Encode("a").Ids;
        }
        Assert.Equal([1, 4, 3], Ids(null));
        Assert.Equal([1, 4, 3], Ids("""{ "tokenizer_class": "LlamaTokenizer" }"""));
        Assert.Equal([4, 3, 2], Ids("""{ "tokenizer_class": "T5Tokenizer" }"""));
        Assert.Equal([4, 3, 2], Ids("""{ "tokenizer_class": "LlamaTokenizer", "add_bos_token": false, "add_eos_token": true }"""));
        Assert.Contains("tokenizer_class is \"XLNetTokenizer\"",
            Assert.Throws<PeftException>(() => Ids("""{ "tokenizer_class": "XLNetTokenizer" }""")).Message);
    }

    private static TempFolder Folder(byte[] model)
    {
        var folder = new TempFolder();
        File.WriteAllBytes(Path.Combine(folder.Path, "tokenizer.model"), model);
        return folder;
    }

    private static byte[] Model(bool isBpe, params (string Text, float Score, int Kind)[] pieces)
    {
        using var file = new MemoryStream();
        foreach (var (text, score, kind) in pieces)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            byte[] piece = [0x0A, (byte)bytes.Length, .. bytes, 0x15, .. BitConverter.GetBytes(score), 0x18, (byte)kind];
            file.Write([0x0A, (byte)piece.Length, .. piece]);
        }
        file.Write([0x12, 2, 0x18, (byte)(isBpe ? 2 : 1)]);
        return file.ToArray();
    }
}
