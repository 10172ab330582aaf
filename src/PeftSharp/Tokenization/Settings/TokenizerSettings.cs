using PeftSharp.Files.Json;
using PeftSharp.Tokenization.Legacy;

namespace PeftSharp.Tokenization.Settings;

/// <summary>What tokenizer_config.json says beside the steps of tokenizer.json.</summary>
internal sealed record TokenizerSettings
{
    /// <summary>Tokens that are too many are dropped at the beginning.</summary>
    public bool TruncateLeft { get; init; }

    /// <summary>Special tokens that a text spells are split like other text.</summary>
    public bool SplitSpecialTokens { get; init; }

    /// <summary>The model is not told which text of a pair a token belongs to.</summary>
    public bool WithoutTypeIds { get; init; }

    /// <summary>Most tokens that the model takes, special ones included; null where the file names none.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Reads the settings that are there.</summary>
    /// <param name="config">tokenizer_config.json.</param>
    /// <param name="pipeline">tokenizer.json; its truncation tells the side where the other file does not.</param>
    public static TokenizerSettings Read(TokenizerConfig config, JsonField pipeline) => new()
    {
        TruncateLeft = IsLeft(config, pipeline),
        SplitSpecialTokens = config.Flag("split_special_tokens", false),
        MaxLength = config.Length("model_max_length"),
        WithoutTypeIds = config.Texts("model_input_names") is { Count: > 0 } names && !names.Contains("token_type_ids"),
    };

    private static bool IsLeft(TokenizerConfig config, JsonField pipeline)
    {
        if (config.Text("truncation_side") is { } side)
        {
            return side switch
            {
                "left" => true,
                "right" => false,
                _ => throw new PeftException($"{config.File}: truncation_side is \"{side}\", expected \"left\" or \"right\"; correct it."),
            };
        }
        return pipeline.Optional("truncation")?.Optional("direction")?.String() is "Left" or "left";
    }
}
