using PeftSharp.Generation;
using PeftSharp.Models.Heads;
using PeftSharp.Tokenization;
using PeftSharp.Tokenization.Chat;

namespace PeftSharp.Runs;

/// <summary>Text from models that were loaded with their files.</summary>
public static class TextModels
{
    /// <summary>The model as one that answers texts with texts; what ends an answer is what its folder says.</summary>
    /// <param name="loaded">The model; it stays the caller's.</param>
    /// <param name="defaults">How to generate; null for the likeliest tokens.</param>
    /// <exception cref="PeftException">The model gives no next token, or has no tokenizer or head of its own.</exception>
    public static TextGenerator Generator(this LoadedModel loaded, GenerationOptions? defaults = null)
    {
        var model = loaded.Model.Model;
        if (model.Head.Kind is not (TaskKind.CausalLanguage or TaskKind.SequenceToSequence))
            throw new PeftException($"{loaded.AdapterFolder ?? loaded.BaseFolder} answers {model.Head.Kind} and gives no text; give a "
                + "model of causal language (GPT-2, Llama, …) or T5.");
        var tokenizer = loaded.Tokenizer()
            ?? throw new PeftException($"{loaded.BaseFolder} has no tokenizer; copy its files from the model's page.");
        defaults ??= new();
        return new(loaded.Model, tokenizer) { Defaults = defaults.EndIds is null ? defaults with { EndIds = EndIds(loaded) } : defaults };
    }

    /// <summary>How the model reads conversations: its own template, else headings as alpaca has them.</summary>
    public static IChatTemplate ChatTemplate(this LoadedModel loaded)
    {
        var tokenizer = loaded.Tokenizer()
            ?? throw new PeftException($"{loaded.BaseFolder} has no tokenizer; copy its files from the model's page.");
        return tokenizer.Chat ?? new PlainChat(tokenizer, EndIds(loaded));
    }

    /// <summary>
    /// The model as the chat client of Microsoft.Extensions.AI, its adapter answering by default; it is disposed with the client.
    /// </summary>
    public static PeftChatClient ChatClient(this LoadedModel loaded, GenerationOptions? defaults = null) =>
        new(loaded.Generator(defaults), loaded.ChatTemplate(),
            Path.GetFileName(Path.TrimEndingDirectorySeparator(loaded.AdapterFolder ?? loaded.BaseFolder)),
            loaded)
        { Selection = loaded.Selection };

    /// <summary>The tokens that end an answer.</summary>
    internal static IReadOnlyList<int> EndIds(LoadedModel loaded) =>
        GenerationDefaults.EndIds(loaded.BaseFolder, loaded.Model.Model.Config);
}
