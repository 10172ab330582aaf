using PeftSharp.Models.Heads;
using PeftSharp.Sites;

namespace PeftSharp.Models;

/// <summary>The heads that decoders have in common.</summary>
internal static class DecoderHeads
{
    // transformers drops before the token classifiers of decoders with this, whatever their configuration says.
    private const double TokenDropout = 0.1;

    /// <summary>The head for a task.</summary>
    /// <param name="task">The task.</param>
    /// <param name="build">The builder at the model's root.</param>
    /// <param name="words">The word table, which a tied head reads.</param>
    /// <param name="tied">True if the output head is that table.</param>
    /// <param name="outputs">Classes, or 1 for a number.</param>
    /// <param name="tokenClassifier">What the architecture calls its map from tokens to classes.</param>
    /// <param name="options">How the model is loaded; pooling is that of decoders (the last token) unless it says mean or the first
    /// token.</param>
    /// <param name="logitCap">Bounds the logits l of the language model to cap · tanh(l / cap); null leaves them.</param>
    public static TaskHead Create(
        TaskKind task, SiteBuilder build, EmbeddingSite words, bool tied, int outputs, string tokenClassifier, ModelOptions options,
        double? logitCap = null)
    {
        var pooling = options.Pooling is Pooling.Mean or Pooling.Cls ? options.Pooling.Value : Pooling.Last;
        return task switch
        {
            TaskKind.CausalLanguage => new LanguageHead(
                tied
                    ? build.Tied("lm_head", ProjectionRole.Vocabulary, words)
                    : build.Projection("lm_head", ProjectionRole.Vocabulary, words.Vocabulary, words.Dim, hasBias: false),
                logitCap),
            TaskKind.Classification or TaskKind.MultiLabel or TaskKind.Regression => new SequenceHead(
                task, pooling, null, "", false, 0, build.Classifier("score", outputs, words.Dim, hasBias: false), ["classifier", "score"]),
            TaskKind.TokenClassification => new TokenHead(TokenDropout, build.Classifier(tokenClassifier, outputs, words.Dim)),
            TaskKind.QuestionAnswering => new AnswerHead(build.Projection("qa_outputs", ProjectionRole.Head, 2, words.Dim)),
            TaskKind.Embedding => new EmbeddingHead(pooling, null),
            _ => throw new PeftException($"A decoder has no head for the task {task}; load it for another."),
        };
    }
}
