using System.Collections;

namespace PeftSharp.Tokenization.Chat;

/// <summary>Runs a template once, within bounds of steps, depth and text.</summary>
/// <param name="name">What the template is called in errors.</param>
internal sealed class TemplateRun(string name)
{
    private const int MostSteps = 2_000_000, Deepest = 200;
    private const long MostText = 64 << 20;

    private readonly TemplateScope globals = new(null);
    private List<TemplateText> output = [];
    private long made;
    private int steps, depth;

    private enum Flow { On, Continue, Break }

    /// <summary>Sets a variable.</summary>
    public void Set(string variable, object? value) => globals.Set(variable, value);

    /// <summary>Runs a template and gives what it wrote.</summary>
    public TemplateText Run(IReadOnlyList<Statement> body)
    {
        Execute(body, new TemplateScope(globals));
        return Written(output, body.Count > 0 ? body[^1].Line : 1);
    }

    /// <summary>What to throw for a line.</summary>
    public PeftException Fail(int line, string problem) =>
        new($"The chat template {name}, line {line}, {problem}; check the messages, or pass another template.");

    private Flow Execute(IReadOnlyList<Statement> body, TemplateScope scope)
    {
        foreach (var statement in body)
        {
            if (Execute(statement, scope) is not Flow.On and var flow)
            {
                return flow;
            }
        }
        return Flow.On;
    }

    private Flow Execute(Statement statement, TemplateScope scope)
    {
        Step(statement.Line);
        switch (statement)
        {
            case DataStatement data:
                output.Add(data.Text);
                break;
            case OutputStatement written:
                output.Add(Made(TemplateValues.Text(Evaluate(written.Value, scope)), written.Line));
                break;
            case IfStatement choice:
                foreach (var (condition, body) in choice.Branches)
                {
                    if (condition is null || TemplateValues.IsTrue(Evaluate(condition, scope)))
                    {
                        return Execute(body, scope);
                    }
                }
                break;
            case ForStatement loop:
                Loop(loop, scope);
                break;
            case SetStatement set:
                Assign(set, scope);
                break;
            case MacroStatement macro:
                scope.Set(macro.Name, (TemplateFunction)((arguments, line) => CallMacro(macro, arguments, scope, line)));
                break;
            case GroupStatement group:
                return Execute(group.Body, scope);
            case LeaveStatement leave:
                return leave.IsBreak ? Flow.Break : Flow.Continue;
        }
        return Flow.On;
    }

    private void Loop(ForStatement loop, TemplateScope scope)
    {
        var items = Guard(loop.Line, () => TemplateFilters.Items(Evaluate(loop.Over, scope)));
        if (loop.Filter is { } filter)
        {
            items = [.. items.Where(item =>
            {
                var inner = new TemplateScope(scope);
                Unpack(loop, item, inner);
                return TemplateValues.IsTrue(Evaluate(filter, inner));
            })];
        }
        if (items.Count == 0)
        {
            Execute(loop.Otherwise, scope);
            return;
        }
        for (var i = 0; i < items.Count; i++)
        {
            Step(loop.Line);
            var inner = new TemplateScope(scope);
            Unpack(loop, items[i], inner);
            inner.Set("loop", new Dictionary<string, object?>
            {
                ["index"] = i + 1L,
                ["index0"] = (long)i,
                ["revindex"] = (long)items.Count - i,
                ["revindex0"] = items.Count - i - 1L,
                ["first"] = i == 0,
                ["last"] = i == items.Count - 1,
                ["length"] = (long)items.Count,
                ["previtem"] = i > 0 ? items[i - 1] : new TemplateValues.Undefined("loop.previtem"),
                ["nextitem"] = i + 1 < items.Count ? items[i + 1] : new TemplateValues.Undefined("loop.nextitem"),
            });
            if (Execute(loop.Body, inner) == Flow.Break)
            {
                return;
            }
        }
    }

    private void Unpack(ForStatement loop, object? item, TemplateScope scope)
    {
        if (loop.Names.Count == 1)
        {
            scope.Set(loop.Names[0], item);
            return;
        }
        if (item is not IList parts || parts.Count != loop.Names.Count)
        {
            throw Fail(loop.Line, $"unpacks {TemplateValues.Kind(item)} into {loop.Names.Count} names");
        }
        for (var i = 0; i < parts.Count; i++)
        {
            scope.Set(loop.Names[i], parts[i]);
        }
    }

    private void Assign(SetStatement set, TemplateScope scope)
    {
        var value = set.Value is { } expression ? Evaluate(expression, scope) : Captured(set.Line, () => Execute(set.Body!, scope));
        if (set.Member is null)
        {
            scope.Set(set.Name, value);
            return;
        }
        if (scope.Find(set.Name) is not TemplateNamespace target)
        {
            throw Fail(set.Line, $"sets a member of {Files.Quoted.Name(set.Name)}, which is no namespace");
        }
        target.Members[set.Member] = value;
    }

    private TemplateText CallMacro(MacroStatement macro, TemplateArguments arguments, TemplateScope outer, int line)
    {
        var scope = new TemplateScope(outer);
        for (var i = 0; i < macro.Parameters.Count; i++)
        {
            var (parameter, missing) = macro.Parameters[i];
            var given = i < arguments.Places.Count || arguments.Names.ContainsKey(parameter);
            scope.Set(parameter, given ? arguments.Get(i, parameter) : missing is null ? new TemplateValues.Undefined(parameter)
                : Evaluate(missing, outer));
        }
        return Captured(line, () => Execute(macro.Body, scope));
    }

    private TemplateText Captured(int line, Func<Flow> body)
    {
        var outer = output;
        output = [];
        body();
        var text = Written(output, line);
        output = outer;
        return text;
    }

    private TemplateText Written(List<TemplateText> parts, int line) => Made(TemplateText.Concat([.. parts]), line);

    private object? Evaluate(Expression expression, TemplateScope scope)
    {
        Step(expression.Line);
        if (++depth > Deepest)
        {
            throw Fail(expression.Line, $"goes deeper than {Deepest} calls and values");
        }
        var value = Guard(expression.Line, () => Value(expression, scope));
        depth--;
        return value is TemplateText text ? Made(text, expression.Line) : value;
    }

    private object? Value(Expression expression, TemplateScope scope)
    {
        switch (expression)
        {
            case ConstantExpression constant:
                return constant.Value;
            case NameExpression variable:
                return scope.Find(variable.Name);
            case ListExpression list:
                return list.Items.Select(item => Evaluate(item, scope)).ToList();
            case MapExpression map:
                return map.Items.ToDictionary(item => TemplateValues.Text(Evaluate(item.Key, scope)).Value, item =>
                    Evaluate(item.Value, scope));
            case MemberExpression member:
                return TemplateMembers.Of(Evaluate(member.Of, scope), Evaluate(member.Key, scope), member.IsAttribute);
            case SliceExpression slice:
                long? Bound(Expression? bound) => bound is null ? null : Evaluate(bound, scope) switch
                {
                    null => null,
                    long number => number,
                    var other => throw new TemplateFailure($"cuts at {TemplateValues.Kind(other)}"),
                };
                return TemplateMembers.Slice(Evaluate(slice.Of, scope), Bound(slice.From), Bound(slice.To), Bound(slice.Step));
            case CallExpression call:
                return Call(call, scope);
            case FilterExpression filter:
                return TemplateFilters.Apply(filter.Name, Evaluate(filter.Of, scope), Arguments(filter.Arguments, scope));
            case TestExpression test:
                return TemplateTests.Passes(test.Name, Evaluate(test.Of, scope), Arguments(test.Arguments, scope)) != test.Negated;
            case UnaryExpression { Sign: "not" } unary:
                return !TemplateValues.IsTrue(Evaluate(unary.Of, scope));
            case UnaryExpression unary:
                return TemplateOperators.Apply(unary.Sign, 0L, Evaluate(unary.Of, scope));
            case BinaryExpression { Sign: "and" or "or" } both:
                var first = Evaluate(both.Left, scope);
                return TemplateValues.IsTrue(first) == (both.Sign == "or") ? first : Evaluate(both.Right, scope);
            case BinaryExpression both:
                return TemplateOperators.Apply(both.Sign, Evaluate(both.Left, scope), Evaluate(both.Right, scope));
            case ChoiceExpression choice:
                return TemplateValues.IsTrue(Evaluate(choice.Condition, scope)) ? Evaluate(choice.Then, scope)
                    : choice.Otherwise is null ? new TemplateValues.Undefined("else") : Evaluate(choice.Otherwise, scope);
            default:
                throw new TemplateFailure("has an expression that is not supported");
        }
    }

    private object? Call(CallExpression call, TemplateScope scope)
    {
        var arguments = Arguments(call.Arguments, scope);
        if (call.Function is MemberExpression { IsAttribute: true } member)
        {
            return TemplateMethods.Call(Evaluate(member.Of, scope), TemplateValues.Text(Evaluate(member.Key, scope)).Value, arguments);
        }
        return Evaluate(call.Function, scope) is TemplateFunction function ? function(arguments, call.Line)
            : throw new TemplateFailure(
                $"calls {(call.Function is NameExpression { Name: var called } ? Files.Quoted.Name(called) : "a value")}, which is "
                + "no function");
    }

    private TemplateArguments Arguments(CallArguments arguments, TemplateScope scope)
    {
        var names = new Dictionary<string, object?>();
        foreach (var (argument, value) in arguments.Names)
        {
            names[argument] = Evaluate(value, scope);
        }
        return new([.. arguments.Places.Select(value => Evaluate(value, scope))], names);
    }

    private T Guard<T>(int line, Func<T> compute)
    {
        try
        {
            return compute();
        }
        catch (TemplateFailure failure)
        {
            throw Fail(line, failure.Message);
        }
    }

    private void Step(int line)
    {
        if (++steps > MostSteps)
        {
            throw Fail(line, $"takes more than {MostSteps:N0} steps");
        }
    }

    private TemplateText Made(TemplateText text, int line)
    {
        made += text.Value.Length;
        return made <= MostText ? text : throw Fail(line, $"makes more than {MostText:N0} characters");
    }
}
