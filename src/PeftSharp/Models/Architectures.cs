namespace PeftSharp.Models;

/// <summary>The architectures that can be loaded, a line each.</summary>
internal static class Architectures
{
    private static readonly Dictionary<string, Architecture> Known = new Architecture[]
    {
        BertModel.Architecture,
        RobertaModel.Architecture,
        XlmRoberta.Architecture,
        DistilBertModel.Architecture,
        ElectraModel.Architecture,
        AlbertModel.Architecture,
        MpnetModel.Architecture,
        DebertaModel.Architecture,
        ModernBertModel.Architecture,
        Gpt2Model.Architecture,
        LlamaModel.Architecture,
        Mistral.Architecture,
        Qwen2.Architecture,
        Qwen3.Architecture,
        Gemma.Architecture,
        Gemma2.Architecture,
        Phi3.Architecture,
        OptModel.Architecture,
        FalconModel.Architecture,
        T5Model.Architecture,
    }.ToDictionary(a => a.ModelType);

    /// <summary>Every architecture.</summary>
    public static IReadOnlyCollection<Architecture> All => Known.Values;

    /// <summary>The architecture that a configuration names.</summary>
    /// <exception cref="PeftException">It is not supported.</exception>
    public static Architecture Of(ModelConfig config) => Find(config.ModelType)
        ?? throw new PeftException(
            $"{config.File}: the architecture \"{config.ModelType}\" is not supported; supported are {string.Join(", ", Known.Keys)}.");

    /// <summary>The architecture of that <c>model_type</c>; null if it is not supported.</summary>
    public static Architecture? Find(string modelType) => Known.GetValueOrDefault(modelType);
}
