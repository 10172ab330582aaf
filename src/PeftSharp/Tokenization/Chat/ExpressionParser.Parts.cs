using System.Globalization;

namespace PeftSharp.Tokenization.Chat;

// What the operators join: constants, names, lists and maps, with their members, calls, filters and tests.
internal sealed partial class ExpressionParser
{
    private Expression Primary()
    {
        var token = cursor.Now;
        switch (token.Kind)
        {
            case TemplateTokenKind.Text:
                var text = "";
                while (cursor.Now.Kind == TemplateTokenKind.Text)
                {
                    text += cursor.Take().Text;
                }
                return new ConstantExpression(token.Line, TemplateText.Own(text));
            case TemplateTokenKind.Integer:
                return new ConstantExpression(token.Line, long.Parse(cursor.Take().Text, CultureInfo.InvariantCulture));
            case TemplateTokenKind.Number:
                return new ConstantExpression(token.Line, double.Parse(cursor.Take().Text, CultureInfo.InvariantCulture));
            case TemplateTokenKind.Name:
                cursor.Take();
                return token.Text switch
                {
                    "true" or "True" => new ConstantExpression(token.Line, true),
                    "false" or "False" => new ConstantExpression(token.Line, false),
                    "none" or "None" => new ConstantExpression(token.Line, null),
                    _ => new NameExpression(token.Line, token.Text),
                };
            case TemplateTokenKind.Sign when token.Text == "(":
                cursor.Take();
                if (cursor.TrySign(")"))
                {
                    return new ListExpression(token.Line, []);
                }
                var inner = Items(")");
                return inner is { Single: { } one } ? one : new ListExpression(token.Line, inner.Items);
            case TemplateTokenKind.Sign when token.Text == "[":
                cursor.Take();
                return new ListExpression(token.Line, Items("]").Items);
            case TemplateTokenKind.Sign when token.Text == "{":
                cursor.Take();
                return Map(token.Line);
            default:
                throw cursor.Bad($"has {cursor.Found()} where a value was expected");
        }
    }

    // Single: the one item that no comma follows, which round brackets do not make a tuple.
    private (List<Expression> Items, Expression? Single) Items(string close)
    {
        var items = new List<Expression>();
        var comma = false;
        while (!cursor.TrySign(close))
        {
            items.Add(Whole());
            if (!cursor.TrySign(","))
            {
                cursor.Sign(close);
                break;
            }
            comma = true;
        }
        return (items, items.Count == 1 && !comma ? items[0] : null);
    }

    private MapExpression Map(int line)
    {
        var items = new List<(Expression, Expression)>();
        while (!cursor.TrySign("}"))
        {
            var key = Whole();
            cursor.Sign(":");
            items.Add((key, Whole()));
            if (!cursor.TrySign(","))
            {
                cursor.Sign("}");
                break;
            }
        }
        return new(line, items);
    }

    private Expression Postfix(Expression value)
    {
        for (var links = 0; ; links++)
        {
            if (links == Deepest)
            {
                throw cursor.Bad($"has an expression of more than {Deepest} members and calls in a row");
            }
            var line = cursor.Now.Line;
            if (cursor.TrySign("."))
            {
                value = new MemberExpression(line, value, new ConstantExpression(line, TemplateText.Own(cursor.Name())), IsAttribute: true);
            }
            else if (cursor.TrySign("["))
            {
                value = Subscript(line, value);
            }
            else if (cursor.IsSign("("))
            {
                value = new CallExpression(line, value, Arguments());
            }
            else
            {
                return value;
            }
        }
    }

    private Expression Subscript(int line, Expression value)
    {
        Expression? Bound() => cursor.IsSign(":") || cursor.IsSign("]") ? null : Whole();
        var from = Bound();
        if (from is not null && cursor.TrySign("]"))
        {
            return new MemberExpression(line, value, from, IsAttribute: false);
        }
        cursor.Sign(":");
        var to = Bound();
        var step = cursor.TrySign(":") ? Bound() : null;
        cursor.Sign("]");
        return new SliceExpression(line, value, from, to, step);
    }

    private CallArguments Arguments()
    {
        var (places, names) = (new List<Expression>(), new List<(string, Expression)>());
        cursor.Sign("(");
        while (!cursor.TrySign(")"))
        {
            if (cursor.Now.Kind == TemplateTokenKind.Name && cursor.IsSignNext("="))
            {
                var name = cursor.Name();
                cursor.Sign("=");
                names.Add((name, Whole()));
            }
            else
            {
                places.Add(Whole());
            }
            if (!cursor.TrySign(","))
            {
                cursor.Sign(")");
                break;
            }
        }
        return new(places, names);
    }

    private Expression Filtered(Expression value)
    {
        for (var links = 0; ; links++)
        {
            if (links == Deepest)
            {
                throw cursor.Bad($"has more than {Deepest} filters and tests in a row");
            }
            var line = cursor.Now.Line;
            if (cursor.TrySign("|"))
            {
                var name = cursor.Name();
                RequireKnown(TemplateFilters.Names, name, "filter");
                value = Postfix(new FilterExpression(line, value, name, cursor.IsSign("(") ? Arguments() : CallArguments.None));
            }
            else if (cursor.TryWord("is"))
            {
                var negated = cursor.TryWord("not");
                var name = cursor.Name();
                RequireKnown(TemplateTests.Names, name, "test");
                value = new TestExpression(line, value, name, TestArguments(), negated);
            }
            else
            {
                return value;
            }
        }
    }

    private CallArguments TestArguments()
    {
        if (cursor.IsSign("("))
        {
            return Arguments();
        }
        var isValue = cursor.Now.Kind is TemplateTokenKind.Text or TemplateTokenKind.Integer or TemplateTokenKind.Number
            || cursor.Now.Kind == TemplateTokenKind.Name
                && cursor.Now.Text is not ("and" or "or" or "not" or "is" or "in" or "if" or "else");
        return isValue ? new([Postfix(Primary())], []) : CallArguments.None;
    }

    private void RequireKnown(IReadOnlyCollection<string> known, string name, string what)
    {
        if (!known.Contains(name))
        {
            throw cursor.Bad($"has the {what} {Files.Quoted.Name(name)}, which is none of {string.Join(", ", known)}");
        }
    }
}
