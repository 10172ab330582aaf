namespace PeftSharp.Tokenization.Chat;

/// <summary>Reads expressions, the loosest binding first: choice, or, and, not, comparisons, sums, joins, products, signs, members and
/// filters.</summary>
internal sealed partial class ExpressionParser(TemplateCursor cursor)
{
    private const int Deepest = 64;

    private static readonly string[] comparisons = ["==", "!=", "<", ">", "<=", ">="];

    private int depth;

    /// <summary>An expression, or several with commas between: a tuple.</summary>
    public Expression Tuple()
    {
        var line = cursor.Now.Line;
        var first = Whole();
        if (!cursor.IsSign(","))
        {
            return first;
        }
        var items = new List<Expression> { first };
        while (cursor.TrySign(","))
        {
            items.Add(Whole());
        }
        return new ListExpression(line, items);
    }

    /// <summary>An expression.</summary>
    public Expression Whole()
    {
        if (++depth > Deepest)
        {
            throw cursor.Bad($"has an expression deeper than {Deepest}");
        }
        var line = cursor.Now.Line;
        var value = Or();
        while (cursor.TryWord("if"))
        {
            var condition = Or();
            value = new ChoiceExpression(line, condition, value, cursor.TryWord("else") ? Whole() : null);
        }
        depth--;
        return value;
    }

    /// <summary>An expression that no <c>if</c> belongs to.</summary>
    public Expression WithoutChoice() => Or();

    private Expression Or() => Chain(And, () => cursor.TryWord("or") ? "or" : null);

    private Expression And() => Chain(Not, () => cursor.TryWord("and") ? "and" : null);

    private Expression Not()
    {
        var line = cursor.Now.Line;
        if (!cursor.TryWord("not"))
        {
            return Comparison();
        }
        if (++depth > Deepest)
        {
            throw cursor.Bad($"has an expression deeper than {Deepest}");
        }
        var value = new UnaryExpression(line, "not", Not());
        depth--;
        return value;
    }

    private Expression Comparison() => Chain(Sum, () =>
    {
        if (cursor.TryWord("in"))
        {
            return "in";
        }
        if (cursor.IsWord("not") && cursor.IsWordNext("in"))
        {
            cursor.Take();
            cursor.Take();
            return "not in";
        }
        return Sign(comparisons);
    });

    private Expression Sum() => Chain(Join, () => Sign("+", "-"));

    private Expression Join() => Chain(Product, () => Sign("~"));

    private Expression Product() => Chain(Signed, () => Sign("*", "/", "//", "%"));

    private string? Sign(params ReadOnlySpan<string> signs)
    {
        foreach (var sign in signs)
        {
            if (cursor.TrySign(sign))
            {
                return sign;
            }
        }
        return null;
    }

    private Expression Chain(Func<Expression> part, Func<string?> sign)
    {
        var line = cursor.Now.Line;
        var left = part();
        for (var links = 0; sign() is { } found; links++)
        {
            if (links == 10 * Deepest)
            {
                throw cursor.Bad($"has an expression of more than {10 * Deepest} parts");
            }
            left = new BinaryExpression(line, found, left, part());
        }
        return left;
    }

    private Expression Signed()
    {
        var line = cursor.Now.Line;
        if (Sign("-", "+") is not { } sign)
        {
            return Filtered(Postfix(Primary()));
        }
        if (++depth > Deepest)
        {
            throw cursor.Bad($"has an expression deeper than {Deepest}");
        }
        var value = new UnaryExpression(line, sign, Signed());
        depth--;
        return value;
    }
}
