using System.Globalization;
using PeftSharp.Files;

namespace PeftSharp.Tokenization.Chat;

/// <summary>
/// How a model wants a conversation written: a template in the part of Jinja that published models use. Immutable; threads may share it.
/// </summary>
/// <remarks>White space is treated as transformers does: a line break after a statement goes, and so does what stands before one on its
/// line.</remarks>
public sealed class ChatTemplate
{
    private const int Longest = 1 << 20, MostMessages = 100_000, LargestRange = 100_000;

    private readonly IReadOnlyList<Statement> body;
    private readonly IReadOnlyDictionary<string, string> tokens;

    private ChatTemplate(string name, string source, IReadOnlyDictionary<string, string> tokens)
    {
        (Name, Source, this.tokens) = (name, source, tokens);
        body = TemplateParser.Parse(name, source);
    }

    /// <summary>Who may speak. A role becomes part of the model's marks, so no other word is taken.</summary>
    internal static IReadOnlyList<string> Roles { get; } = ["system", "developer", "user", "assistant", "model", "tool", "function",
        "ipython", "observation"];

    /// <summary>What it is called in errors: its file, usually.</summary>
    internal string Name { get; }

    /// <summary>The template as it was written.</summary>
    internal string Source { get; }

    /// <summary>Reads a template.</summary>
    /// <param name="source">Its text; at most a million characters.</param>
    /// <param name="name">What it is called in errors.</param>
    /// <param name="tokens">Special tokens that it may name, for example <c>bos_token</c>; default none.</param>
    /// <exception cref="PeftException">It has what is not supported; the message names it and its line.</exception>
    public static ChatTemplate Parse(string source, string name = "template", IReadOnlyDictionary<string, string>? tokens = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Length > Longest)
        {
            throw new PeftException($"The chat template {name} has {source.Length:N0} characters, above the limit of {Longest:N0}; check "
                + "that it is the right file.");
        }
        return new(name, source, tokens ?? new Dictionary<string, string>());
    }

    /// <summary>Writes a conversation.</summary>
    /// <param name="messages">Its turns, in their order.</param>
    /// <param name="addGenerationPrompt">Whether the beginning of the model's answer follows, so that it goes on with it.</param>
    /// <param name="settings">Further variables of the template: truth values, whole numbers or texts, for example
    /// <c>enable_thinking</c>.</param>
    /// <exception cref="PeftException">The template refuses the messages, a role is none of <see cref="Roles"/>, or a bound is
    /// exceeded.</exception>
    public ChatText Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = true,
        IReadOnlyDictionary<string, object>? settings = null)
    {
        ArgumentNullException.ThrowIfNull(messages);
        if (messages.Count > MostMessages)
        {
            throw new PeftException($"A conversation of {messages.Count:N0} messages was given, above the limit of {MostMessages:N0}; "
                + "shorten it.");
        }
        var run = new TemplateRun(Name);
        SetFunctions(run);
        foreach (var (role, token) in tokens)
        {
            run.Set(role, TemplateText.Own(token));
        }
        foreach (var nothing in (ReadOnlySpan<string>)["tools", "documents"])
        {
            run.Set(nothing, null);
        }
        foreach (var (setting, value) in settings ?? new Dictionary<string, object>())
        {
            run.Set(setting, Setting(setting, value));
        }
        run.Set("messages", messages.Select(object? (message) => Turn(message)).ToList());
        run.Set("add_generation_prompt", addGenerationPrompt);
        var text = run.Run(body);
        var said = new bool[text.Value.Length];
        for (var i = 0; i < said.Length; i++)
        {
            said[i] = text.IsSaid(i);
        }
        return new(text.Value, said);
    }

    private static Dictionary<string, object?> Turn(ChatMessage message)
    {
        if (!Roles.Contains(message.Role))
        {
            throw new PeftException($"A message has the role {Quoted.Name(message.Role ?? "")}; expected one of "
                + $"{string.Join(", ", Roles)}.");
        }
        return new() { ["role"] = TemplateText.Own(message.Role), ["content"] = TemplateText.Said(message.Content ?? "") };
    }

    private static object Setting(string name, object value) => value switch
    {
        string text => TemplateText.Said(text),
        int number => (long)number,
        bool or long or double => value,
        _ => throw new PeftException($"The setting {Quoted.Name(name)} of a chat template is a {value?.GetType().Name ?? "null"}; "
            + "expected a truth value, a number or a text."),
    };

    private void SetFunctions(TemplateRun run)
    {
        run.Set("raise_exception", (TemplateFunction)((arguments, _) =>
            throw new PeftException($"The chat template {Name} refuses these messages: "
                + $"{Printable.Cut(TemplateValues.Text(arguments.Get(0, "message")).Value.TrimEnd('.'), 300)}.")));
        run.Set("namespace", (TemplateFunction)((arguments, _) => new TemplateNamespace(new(arguments.Names))));
        run.Set("dict", (TemplateFunction)((arguments, _) => new Dictionary<string, object?>(arguments.Names)));
        run.Set("range", (TemplateFunction)((arguments, line) => Range(run, arguments, line)));
        run.Set("strftime_now", (TemplateFunction)((arguments, line) =>
            TemplateText.Own(Date(run, arguments.Text(0, "format")?.Value ?? throw run.Fail(line, "asks for the date without a format"),
                line))));
    }

    private static List<object?> Range(TemplateRun run, TemplateArguments arguments, int line)
    {
        var (first, second, step) = (arguments.Int(0, "start") ?? 0, arguments.Int(1, "stop"), arguments.Int(2, "step") ?? 1);
        var (from, to) = second is { } end ? (first, end) : (0, first);
        var count = step == 0 ? LargestRange + 1L : Math.Max(0, ((long)to - from + step - Math.Sign(step)) / step);
        return count <= LargestRange ? [.. Enumerable.Range(0, (int)count).Select(object? (i) => from + (long)i * step)]
            : throw run.Fail(line, $"asks for a range of more than {LargestRange:N0} numbers");
    }

    // The parts of Python's strftime that templates use.
    private static string Date(TemplateRun run, string format, int line)
    {
        var now = DateTime.Now;
        var text = new System.Text.StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }
            var part = format[++i] switch
            {
                'd' => "dd",
                'm' => "MM",
                'Y' => "yyyy",
                'y' => "yy",
                'b' => "MMM",
                'B' => "MMMM",
                'a' => "ddd",
                'A' => "dddd",
                'H' => "HH",
                'M' => "mm",
                'S' => "ss",
                _ => throw run.Fail(line, $"asks for the date with %{Printable.Cut(format[i].ToString(), 4)}, which is none of d, m, Y, "
                    + "y, b, B, a, A, H, M and S"),
            };
            text.Append(now.ToString(part, CultureInfo.InvariantCulture));
        }
        return text.ToString();
    }
}
