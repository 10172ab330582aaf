using PeftSharp.Files.Json;

namespace PeftSharp.Tokenization;

/// <summary>A token that is found in the text as it is, before any splitting.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="SingleWord">Only where no word character touches it.</param>
/// <param name="StripLeft">Takes the white space before it along.</param>
/// <param name="StripRight">Takes the white space after it along.</param>
/// <param name="Normalized">Looked for in normalized text.</param>
/// <param name="Special">Left out when decoding without special tokens.</param>
internal sealed record AddedToken(
    int Id, string Content, bool SingleWord, bool StripLeft, bool StripRight, bool Normalized, bool Special)
{
    private const int Longest = 1000;

    public static AddedToken Read(JsonField field)
    {
        var content = field.Required("content");
        if (content.String().Length == 0)
        {
            throw content.Error("empty", "a token", "remove this added token");
        }
        if (content.String().Length > Longest)
        {
            throw content.Error($"a text of {content.String().Length:N0} characters", $"at most {Longest}", "remove this added token");
        }
        var special = field.Flag("special", false);
        return new AddedToken(field.Required("id").Int(Models.Vocabulary.LargestId), content.String(), field.Flag("single_word", false),
            field.Flag("lstrip", false), field.Flag("rstrip", false), field.Flag("normalized", !special), special);
    }
}
