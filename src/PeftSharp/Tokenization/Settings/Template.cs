using PeftSharp.Files.Json;

namespace PeftSharp.Tokenization.Settings;

/// <summary>Looks into a post-processor as it stands in tokenizer.json.</summary>
internal static class Template
{
    /// <summary>Whether a token stands before, or after, a single text; null if the file does not tell.</summary>
    public static bool? Has(JsonField file, string token, bool atStart) =>
        file.Optional("post_processor") is { } processor ? Step(processor, token, atStart) : false;

    private static bool? Step(JsonField processor, string token, bool atStart)
    {
        switch (processor.Required("type").String())
        {
            case "TemplateProcessing":
                var parts = processor.Required("single").Items().ToList();
                return parts.Count > 0 && parts[atStart ? 0 : ^1].Optional("SpecialToken")?.Required("id").String() == token;
            case "BertProcessing" or "RobertaProcessing":
                return processor.Required(atStart ? "cls" : "sep").Items().FirstOrDefault().String() == token;
            case "Sequence":
                return processor.Required("processors").Items().Any(step => Step(step, token, atStart) == true);
            case "ByteLevel":
                return false;
            default:
                return null;
        }
    }
}
