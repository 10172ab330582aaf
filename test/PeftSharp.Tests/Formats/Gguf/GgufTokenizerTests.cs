using System.Text;
using PeftSharp.Files.Gguf;
using PeftSharp.Formats.Gguf;
using PeftSharp.Models;
using PeftSharp.Tests.Tokenization;
using PeftSharp.Tokenization;
using TempFolder = PeftSharp.Tests.Files.TempFolder;

namespace PeftSharp.Tests.Formats.Gguf;

/// <summary>Tokenizers written into GGUF files and read again.</summary>
public sealed class GgufTokenizerTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("bytelevel-gpt2", 1)]
    [InlineData("bytelevel-llama3", 2)]
    [InlineData("bytelevel-qwen2", 3)]
    [InlineData("sentencepiece-bpe", 4)]
    [InlineData("sentencepiece-model-bpe", 5)]
    [InlineData("sentencepiece-model-unigram", 6)]
    public void A_Tokenizer_Comes_Back_Equal_To_Its_Goldens(string name, int seed)
    {
        var tokenizer = Tokenizer.Load(TestPaths.Fixture("tokenizers", name));
        using var model = ModelLoader.Create(GgufModelTests.Tiny(tokenizer.VocabularySize), null, new() { Seed = (ulong)seed });
        GgufModel.Write(model, File_("model.gguf"), GgufQuantization.F16, tokenizer);
        var again = Tokenizer.Load(File_("model.gguf"));
        // A bare SentencePiece model finds no special tokens in a text; in a GGUF file they are told and found.
        var texts = Goldens.Texts(TestPaths.Fixture("tokenizers", name, "goldens.json"))
            .Where(text => !name.StartsWith("sentencepiece-model", StringComparison.Ordinal) || !text.Contains('<')).ToList();
        Assert.True(texts.Count > 200);
        foreach (var text in texts)
        {
            var (expected, found) = (tokenizer.Encode(text), again.Encode(text));
            Assert.Equal(expected.Ids, found.Ids);
            Assert.Equal(tokenizer.Decode(expected.Ids), again.Decode(found.Ids));
        }
    }

    [Theory]
    [InlineData("bytelevel-llama3", "llama-bpe", "llama-v3")]
    [InlineData("bytelevel-llama3", "llama-bpe", "smaug-bpe")]
    [InlineData("bytelevel-qwen2", "qwen2", "deepseek-r1-qwen")]
    public void Other_Names_Of_A_Division_Divide_Alike(string fixture, string name, string other)
    {
        var tokenizer = Tokenizer.Load(TestPaths.Fixture("tokenizers", fixture));
        using var model = ModelLoader.Create(GgufModelTests.Tiny(tokenizer.VocabularySize), null, new() { Seed = 7 });
        GgufModel.Write(model, File_("model.gguf"), GgufQuantization.F16, tokenizer);
        static byte[] Kept(string text) => [.. BitConverter.GetBytes((long)text.Length), .. Encoding.ASCII.GetBytes(text)];
        var (file, old) = (File.ReadAllBytes(File_("model.gguf")), Kept(name));
        var at = file.AsSpan().IndexOf(old);
        // The tensors, which move away from their places, are not read; room is left behind them.
        File.WriteAllBytes(File_("other.gguf"), [.. file[..at], .. Kept(other), .. file[(at + old.Length)..], .. new byte[64]]);
        var again = Tokenizer.Load(File_("other.gguf"));
        foreach (var text in Goldens.Texts(TestPaths.Fixture("tokenizers", fixture, "goldens.json")))
            Assert.Equal(tokenizer.Encode(text).Ids, again.Encode(text).Ids);
    }

    [Fact]
    public void Falcons_Division_Goes_Into_A_Gguf_File_And_Back()
    {
        var tokenizer = TinyTokenizer.LoadText(FalconDivisionTests.File());
        using var model = ModelLoader.Create(GgufModelTests.Tiny(tokenizer.VocabularySize), null, new() { Seed = 7 });
        GgufModel.Write(model, File_("falcon.gguf"), GgufQuantization.F16, tokenizer);
        var again = Tokenizer.Load(File_("falcon.gguf"));
        foreach (var text in (string[])["the 78901 첼 be", "x² costs $5... 23456789?!", " ٣٤ ½\n"])
            Assert.Equal(tokenizer.Encode(text).Ids, again.Encode(text).Ids);
    }

    private string File_(string name) => Path.Combine(_folder.Root, name);
}
