namespace PeftSharp.Models;

/// <summary>XLM-RoBERTa (Conneau et al. 2019, arXiv 1911.02116): RoBERTa over a vocabulary of a hundred languages.</summary>
internal static class XlmRoberta
{
    /// <summary>What the registry says of it.</summary>
    public static Architecture Architecture { get; } = RobertaModel.Architecture with
    {
        ModelType = "xlm-roberta",
        ClassName = "XLMRoberta",
        Paper = "Conneau et al. 2019, arXiv 1911.02116",
        Tiny = width => RobertaModel.Architecture.Tiny(width).Replace("\"roberta\"", "\"xlm-roberta\"", StringComparison.Ordinal),
    };
}
