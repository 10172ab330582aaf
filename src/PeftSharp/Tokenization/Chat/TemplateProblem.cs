namespace PeftSharp.Tokenization.Chat;

/// <summary>What is wrong at a line of a template.</summary>
/// <param name="Line">The line, from 1.</param>
/// <param name="Problem">What was found, as a predicate.</param>
internal sealed record TemplateProblem(int Line, string Problem)
{
    private const string Supported = "supported of Jinja are for, if, set, macro, generation, break and continue, the expressions of chat "
        + "templates, and the filters "
        + "and tests of docs/tokenizers.md";

    /// <summary>The exception that says so.</summary>
    public PeftException In(string name) => new($"The chat template {name}, line {Line}, {Problem}; {Supported}: simplify the template, "
        + "or pass another.");
}
