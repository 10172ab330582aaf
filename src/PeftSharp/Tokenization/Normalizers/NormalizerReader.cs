using PeftSharp.Files.Json;

namespace PeftSharp.Tokenization.Normalizers;

/// <summary>Builds normalizers from the <c>normalizer</c> of tokenizer.json.</summary>
internal static class NormalizerReader
{
    private const int MostSteps = 64;

    public static INormalizer Read(JsonField field)
    {
        var type = field.Required("type");
        switch (type.String())
        {
            case "BertNormalizer":
                var lowercase = field.Flag("lowercase", true);
                return new BertNormalizer(field.Flag("clean_text", true), field.Flag("handle_chinese_chars", true),
                    field.Flag("strip_accents", lowercase), lowercase);
            case "Sequence":
                return new NormalizerSequence([.. field.Required("normalizers").Items(MostSteps).Select(Read)]);
            case "Lowercase":
                return new LowercaseNormalizer();
            case "NFC":
                return new UnicodeNormalizer(compose: true, compatibility: false);
            case "NFD":
                return new UnicodeNormalizer(compose: false, compatibility: false);
            case "NFKC":
                return new UnicodeNormalizer(compose: true, compatibility: true);
            case "NFKD":
                return new UnicodeNormalizer(compose: false, compatibility: true);
            case "StripAccents":
                return new StripAccentsNormalizer();
            case "Strip":
                return new StripNormalizer(field.Flag("strip_left", true), field.Flag("strip_right", true));
            case "Prepend":
                return new PrependNormalizer(field.Required("prepend").String());
            case "Precompiled":
                return new PrecompiledNormalizer(CharacterMap.Read(field.Required("precompiled_charsmap")));
            case "Replace":
                var pattern = field.Required("pattern");
                if (pattern.Optional("Regex")?.String() == SpaceRunNormalizer.Pattern)
                {
                    return new SpaceRunNormalizer(field.Required("content").String());
                }
                return pattern.Optional("String") is { } literal && literal.String().Length > 0
                    ? new ReplaceNormalizer(literal.String(), field.Required("content").String())
                    : throw pattern.Error("a regular expression or empty", "a string to replace", "this normalizer can't be read yet");
            default:
                throw type.Error(type.Describe(), "BertNormalizer, Sequence, Lowercase, NFC, NFD, NFKC, NFKD, StripAccents, Strip, "
                    + "Prepend, Precompiled or Replace", "this normalizer can't be read yet");
        }
    }
}
