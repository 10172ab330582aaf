namespace PeftSharp.Tokenization.Chat;

/// <summary>Reads the statements of a template.</summary>
internal sealed class TemplateParser
{
    private const int Deepest = 64;

    private readonly TemplateCursor cursor;
    private readonly ExpressionParser expressions;
    private int depth;

    private TemplateParser(string name, string source)
    {
        cursor = new(name, new TemplateLexer(name, source).Read());
        expressions = new(cursor);
    }

    /// <summary>Reads a template.</summary>
    /// <param name="name">What it is called in errors.</param>
    /// <param name="source">Its text.</param>
    /// <exception cref="PeftException">It is no template, or has what is not supported.</exception>
    public static IReadOnlyList<Statement> Parse(string name, string source)
    {
        var parser = new TemplateParser(name, source);
        var body = parser.Body();
        return parser.cursor.Now.Kind == TemplateTokenKind.End ? body
            : throw parser.cursor.Bad($"has {{% {parser.cursor.Now.Text} %}}, which nothing opened");
    }

    // Up to the end, or to a statement of one of these names, which stays.
    private List<Statement> Body(params ReadOnlySpan<string> ends)
    {
        if (++depth > Deepest)
        {
            throw cursor.Bad($"lies deeper than {Deepest} statements");
        }
        var body = new List<Statement>();
        while (true)
        {
            var line = cursor.Now.Line;
            switch (cursor.Now.Kind)
            {
                case TemplateTokenKind.End when ends.IsEmpty:
                    depth--;
                    return body;
                case TemplateTokenKind.End:
                    throw cursor.Bad($"ends where {{% {string.Join(" %} or {% ", ends)} %}} was expected");
                case TemplateTokenKind.Data:
                    body.Add(new DataStatement(line, TemplateText.Own(cursor.Take().Text)));
                    break;
                case TemplateTokenKind.OutputStart:
                    cursor.Take();
                    body.Add(new OutputStatement(line, expressions.Tuple()));
                    cursor.Expect(TemplateTokenKind.OutputEnd, "}}");
                    break;
                default:
                    cursor.Expect(TemplateTokenKind.BlockStart, "{%");
                    if (cursor.Now.Kind == TemplateTokenKind.Name
                        && (ends.Contains(cursor.Now.Text) || ends.IsEmpty && cursor.Now.Text.StartsWith("end", StringComparison.Ordinal)))
                    {
                        depth--;
                        return body;
                    }
                    body.Add(Block());
                    break;
            }
        }
    }

    private Statement Block()
    {
        var line = cursor.Now.Line;
        var word = cursor.Now.Kind == TemplateTokenKind.Name ? cursor.Take().Text : throw cursor.Bad("has a statement without a name");
        switch (word)
        {
            case "if":
                return If(line);
            case "for":
                return For(line);
            case "set":
                return Set(line);
            case "macro":
                return Macro(line);
            case "generation":
                End();
                var body = Body("endgeneration");
                Close();
                return new GroupStatement(line, body);
            case "break" or "continue":
                End();
                return new LeaveStatement(line, word == "break");
            default:
                throw cursor.Bad($"has the statement {{% {Printable.Cut(word, 40)} %}}, which is not supported");
        }
    }

    private IfStatement If(int line)
    {
        var branches = new List<(Expression?, IReadOnlyList<Statement>)>();
        Expression? condition = expressions.Tuple();
        while (true)
        {
            End();
            var body = condition is null ? Body("endif") : Body("elif", "else", "endif");
            branches.Add((condition, body));
            var word = cursor.Take().Text;
            if (word == "endif")
            {
                End();
                return new(line, branches);
            }
            condition = word == "elif" ? expressions.Tuple() : null;
        }
    }

    private ForStatement For(int line)
    {
        var names = new List<string> { cursor.Name() };
        while (cursor.TrySign(","))
        {
            names.Add(cursor.Name());
        }
        cursor.Word("in");
        var over = expressions.WithoutChoice();
        var filter = cursor.TryWord("if") ? expressions.Whole() : null;
        if (cursor.TryWord("recursive"))
        {
            throw cursor.Bad("has a recursive for, which is not supported");
        }
        End();
        IReadOnlyList<Statement> body = Body("else", "endfor"), otherwise = [];
        if (cursor.Take().Text == "else")
        {
            End();
            otherwise = Body("endfor");
            cursor.Take();
        }
        End();
        return new(line, names, over, filter, body, otherwise);
    }

    private SetStatement Set(int line)
    {
        var name = cursor.Name();
        var member = cursor.TrySign(".") ? cursor.Name() : null;
        if (cursor.TrySign("="))
        {
            var value = expressions.Tuple();
            End();
            return new(line, name, member, value, null);
        }
        End();
        var body = Body("endset");
        Close();
        return new(line, name, member, null, body);
    }

    private MacroStatement Macro(int line)
    {
        var name = cursor.Name();
        var parameters = new List<(string, Expression?)>();
        cursor.Sign("(");
        while (!cursor.TrySign(")"))
        {
            var parameter = cursor.Name();
            parameters.Add((parameter, cursor.TrySign("=") ? expressions.Whole() : null));
            if (!cursor.TrySign(","))
            {
                cursor.Sign(")");
                break;
            }
        }
        End();
        var body = Body("endmacro");
        Close();
        return new(line, name, parameters, body);
    }

    // The word that closes a statement; the name of the macro may follow.
    private void Close()
    {
        cursor.Take();
        if (cursor.Now.Kind == TemplateTokenKind.Name)
        {
            cursor.Take();
        }
        End();
    }

    private void End() => cursor.Expect(TemplateTokenKind.BlockEnd, "%}");
}
