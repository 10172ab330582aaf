using PeftSharp.Data;
using PeftSharp.Data.Instruct;
using PeftSharp.Generation;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Tokenization;

namespace PeftSharp.Runs.Rows;

/// <summary>Finds the tokenizer that goes with a model.</summary>
internal static class Encoders
{
    /// <summary>The tokenizer of a model; null if it has none.</summary>
    public static Tokenizer? Find(string folder) => LoadedModel.TokenizerOf(folder, null);

    /// <summary>Encodes rows. Rows of token ids need no tokenizer.</summary>
    public static TokenizedDataset Encode(
        TextDataset data, Tokenizer? tokenizer, TransformerModel model, string folder, int maxLength, Caller caller,
        CancellationToken cancellation = default)
    {
        if (tokenizer is null && data.Examples.Any(e => e.InputIds is null))
            throw new PeftException(
                $"{folder} has no tokenizer (tokenizer.json, vocab.txt, or vocab.json with merges.txt); copy its files from the model's "
                + "page, or give rows that hold input_ids.");
        if (maxLength > model.MaxTokens)
            throw new SettingsException(
                $"{caller.Setting("max_length")} is {maxLength}, but the model has positions for {model.MaxTokens} tokens; set it to "
                + $"{model.MaxTokens} or less.");
        if (data.Kind == LabelKind.Tokens && tokenizer is not null)
            return TokenizedDataset.Create(data, Instructions(tokenizer, model, folder), maxLength, cancellation);
        ITextEncoder encoder = tokenizer is null ? new PadOnly(model.Config.Int("pad_token_id", 0)) : new TokenizerTextEncoder(tokenizer);
        return TokenizedDataset.Create(data, encoder, maxLength, cancellation);
    }

    /// <summary>The encoder of prompts with answers, as a model reads them.</summary>
    public static InstructEncoder Instructions(Tokenizer tokenizer, TransformerModel model, string folder) =>
        Instructions(tokenizer, model.Config, folder);

    /// <summary>The same, for a model of that configuration.</summary>
    public static InstructEncoder Instructions(Tokenizer tokenizer, ModelConfig config, string folder) => new(
        tokenizer, GenerationDefaults.EndIds(folder, config), Architectures.Of(config).Tasks.Contains(TaskKind.SequenceToSequence));

    private sealed class PadOnly(int padId) : ITextEncoder
    {
        public int PadId => padId;

        public EncodedText Encode(string text, string? pair, int maxLength) =>
            throw new InvalidOperationException("The rows hold token ids.");
    }
}
