using PeftSharp.Files.Json;
using PeftSharp.Tokenization.PreTokenizers;

namespace PeftSharp.Tokenization.Decoders;

/// <summary>Builds decoders from the <c>decoder</c> of tokenizer.json.</summary>
internal static class DecoderReader
{
    private const int MostSteps = 64;

    public static IDecoder Read(JsonField field)
    {
        var type = field.Required("type");
        switch (type.String())
        {
            case "WordPiece":
                return new WordPieceDecoder(field.Optional("prefix")?.String() ?? "##", field.Flag("cleanup", true));
            case "ByteLevel":
                return new ByteLevelDecoder();
            case "ByteFallback":
                return new ByteFallbackDecoder();
            case "Fuse":
                return new FuseDecoder();
            case "Strip":
                var content = field.Required("content");
                return content.String().Length == 1
                    ? new StripDecoder(content.String()[0], field.Required("start").Int(1 << 16), field.Required("stop").Int(1 << 16))
                    : throw content.Error(content.Describe(), "one character", "this decoder can't be read yet");
            case "Replace":
                var pattern = field.Required("pattern");
                return pattern.Optional("String") is { } literal && literal.String().Length > 0
                    ? new ReplaceDecoder(literal.String(), field.Required("content").String())
                    : throw pattern.Error("a regular expression or empty", "a string to replace", "this decoder can't be read yet");
            case "Metaspace":
                var metaspace = PreTokenizerReader.ReadMetaspace(field);
                return new MetaspaceDecoder(metaspace.Sign, metaspace.Prepends);
            case "Sequence":
                return new DecoderSequence([.. field.Required("decoders").Items(MostSteps).Select(Read)]);
            default:
                throw type.Error(type.Describe(), "WordPiece, ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace or Sequence",
                    "this decoder can't be read yet");
        }
    }
}
