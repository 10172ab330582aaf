namespace PeftSharp.Tokenization.Chat;

/// <summary>A place among the tokens of a template.</summary>
internal sealed class TemplateCursor(string name, List<TemplateToken> tokens)
{
    private int at;

    /// <summary>The token at the place.</summary>
    public TemplateToken Now => tokens[at];

    /// <summary>The token, and a step on; the end stays.</summary>
    public TemplateToken Take() => tokens[at < tokens.Count - 1 ? at++ : at];

    /// <summary>Whether a sign is next.</summary>
    public bool IsSign(string sign) => Now.Kind == TemplateTokenKind.Sign && Now.Text == sign;

    /// <summary>Whether a word is next.</summary>
    public bool IsWord(string word) => Now.Kind == TemplateTokenKind.Name && Now.Text == word;

    /// <summary>Takes a sign if it is next.</summary>
    public bool TrySign(string sign) => IsSign(sign) && Take().Text == sign;

    /// <summary>Takes a word if it is next.</summary>
    public bool TryWord(string word) => IsWord(word) && Take().Text == word;

    /// <summary>Whether a word is next after the present token.</summary>
    public bool IsWordNext(string word) => at + 1 < tokens.Count && tokens[at + 1] is { Kind: TemplateTokenKind.Name } next
        && next.Text == word;

    /// <summary>Whether a sign is next after the present token.</summary>
    public bool IsSignNext(string sign) => at + 1 < tokens.Count && tokens[at + 1] is { Kind: TemplateTokenKind.Sign } next
        && next.Text == sign;

    /// <summary>Takes a sign that must be next.</summary>
    public void Sign(string sign)
    {
        if (!TrySign(sign))
        {
            throw Bad($"has {Found()} where {sign} was expected");
        }
    }

    /// <summary>Takes a word that must be next.</summary>
    public void Word(string word)
    {
        if (!TryWord(word))
        {
            throw Bad($"has {Found()} where \"{word}\" was expected");
        }
    }

    /// <summary>Takes a name that must be next.</summary>
    public string Name() => Now.Kind == TemplateTokenKind.Name ? Take().Text : throw Bad($"has {Found()} where a name was expected");

    /// <summary>Takes a token that must be next.</summary>
    public void Expect(TemplateTokenKind kind, string what)
    {
        if (Now.Kind != kind)
        {
            throw Bad($"has {Found()} where {what} was expected");
        }
        Take();
    }

    /// <summary>What to throw for the place.</summary>
    public PeftException Bad(string problem) => new TemplateProblem(Now.Line, problem).In(name);

    /// <summary>The present token in a few words.</summary>
    public string Found() => Now.Kind switch
    {
        TemplateTokenKind.End => "its end",
        TemplateTokenKind.BlockEnd => "%}",
        TemplateTokenKind.OutputEnd => "}}",
        _ => $"\"{Printable.Cut(Now.Text, 40)}\"",
    };
}
