using System.Text;
using PeftSharp.Files;
using PeftSharp.Tokenization.Legacy;

namespace PeftSharp.Tokenization.Chat;

/// <summary>Finds the chat template among a tokenizer's files.</summary>
internal static class ChatTemplateFile
{
    private const string Own = "chat_template.jinja", Field = "chat_template";

    private static readonly string[] roles = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token"];

    /// <summary>The template of chat_template.jinja, else that of tokenizer_config.json (of several, the one called "default"); null if
    /// there is none.</summary>
    /// <exception cref="PeftException">It is damaged, or has what is not supported.</exception>
    public static ChatTemplate? Find(TokenizerFiles files)
    {
        var config = new TokenizerConfig(files);
        var (source, name) = files.Find(Own) is { } bytes ? (Text(bytes, files.PathOf(Own)), files.PathOf(Own))
            : (Named(files), $"of {config.File}");
        if (source is null)
        {
            return null;
        }
        var tokens = new Dictionary<string, string>();
        foreach (var role in roles)
        {
            if (config.Token(role) is { } token)
            {
                tokens[role] = token;
            }
        }
        return ChatTemplate.Parse(source, name, tokens);
    }

    private static string Text(byte[] bytes, string path)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException error)
        {
            throw new PeftException($"{path} is not UTF-8, expected a chat template; download the file again.", error);
        }
    }

    private static string? Named(TokenizerFiles files) => files.WithJson("tokenizer_config.json", file =>
    {
        if (file.Optional(Field) is not { } field || field.Element.ValueKind == System.Text.Json.JsonValueKind.String)
        {
            return file.Optional(Field)?.String();
        }
        var several = field.Items(64).Select(item => (Name: item.Required("name").String(), Template: item.Required("template").String()))
            .ToList();
        var chosen = several.FindIndex(template => template.Name == "default");
        return chosen >= 0 ? several[chosen].Template
            : throw field.Error($"a list of {string.Join(", ", several.Select(template => Quoted.Name(template.Name)))}",
                "a template called \"default\" among them", "rename one");
    });
}
