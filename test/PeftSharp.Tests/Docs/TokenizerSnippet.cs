using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippets of docs/tokenizers.md.</summary>
internal static class TokenizerSnippet
{
    internal static void Stream(Tokenizer tokenizer, IEnumerable<int> ids)
    {
        var stream = tokenizer.DecodeStream();
        foreach (var id in ids) Console.Write(stream.Add(id));
        Console.Write(stream.Finish());
    }

    internal static int[] Chat(Tokenizer tokenizer)
    {
        var text = tokenizer.ChatTemplate!.Render([new("system", "Be terse."), new("user", "2+2?")]);
        var ids = tokenizer.Encode(text).Ids;
        return ids;
    }
}
