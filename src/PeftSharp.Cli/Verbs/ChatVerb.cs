using System.CommandLine;
using PeftSharp.Formats;
using PeftSharp.Generation;
using PeftSharp.Runs;
using PeftSharp.Sites;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft chat</c>: a conversation with a model, whose adapters change by a command.</summary>
internal static class ChatVerb
{
    private const string Commands = "/adapter NAME (or a folder), /base, /adapters, /system TEXT, /new, /help, /quit";

    public static void Build(Command command)
    {
        var model = new GenerationParts(command);
        var system = VerbParts.Text("--system", "TEXT", "Instructions that come before the conversation.");
        command.Add(system);
        HelpWithExamples.Add(command,
            "chat --base models/SmolLM2-135M-Instruct",
            "chat --adapter runs/alpaca --temperature 0.7 --system \"You are brief.\"",
            "chat --base models/SmolLM2-135M-Instruct < questions.txt");
        VerbParts.Run(command, parsed => Run(parsed, model, parsed.GetValue(system)));
    }

    private static int Run(ParseResult parsed, GenerationParts parts, string? system)
    {
        var asked = parts.Options(parsed);
        parts.Models.Need(parsed, "chat");
        if (asked.Beams > 1) throw new UsageException("peft chat shows answers as they come, and beam search knows its answer only at "
            + "the end; leave --beams out.");
        using var loaded = parts.Open(parsed, "chat");
        // Under the name of its folder it is found again.
        if (loaded.Adapter is { } first) loaded.Model.Rename(first.Name, NameOf(loaded.AdapterFolder!));
        using var session = new ChatSession(loaded.Generator(asked), loaded.ChatTemplate()) { Selection = loaded.Selection };
        session.Reset(system);
        var live = !Console.IsInputRedirected;
        if (live) Console.Error.WriteLine($"{Name(loaded, session.Selection)} listens; commands: {Commands}.");
        while (true)
        {
            if (live) Console.Error.Write("> ");
            if (Console.In.ReadLine() is not { } line) return ExitCode.Success;
            if (string.IsNullOrWhiteSpace(line)) continue;
            if (line.StartsWith('/'))
            {
                if (!Obey(line.Trim(), loaded, session)) return ExitCode.Success;
                continue;
            }
            Answer(session, line).GetAwaiter().GetResult();
        }
    }

    private static async Task Answer(ChatSession session, string line)
    {
        using var interruption = new Interruption("Stopping after this token; interrupt again to end at once.");
        try
        {
            await foreach (var piece in session.AskAsync(line, cancellation: interruption.Token).ConfigureAwait(false))
            {
                Console.Out.Write(Printable.Lines(piece));
                Console.Out.Flush();
            }
        }
        catch (OperationCanceledException)
        {
            // The conversation goes on with what was said.
        }
        catch (PeftException e)
        {
            Console.Error.WriteLine($"error: {Printable.Sentence(e.Message)}");
        }
        Console.Out.WriteLine();
    }

    // False ends the conversation.
    private static bool Obey(string line, LoadedModel loaded, ChatSession session)
    {
        var (word, rest) = line.IndexOf(' ') is > 0 and var at ? (line[..at], line[(at + 1)..].Trim()) : (line, "");
        try
        {
            switch (word)
            {
                case "/quit" or "/exit":
                    return false;
                case "/new" or "/reset":
                    session.Reset(session.Messages is [{ Role: "system" } first, ..] ? first.Content : null);
                    break;
                case "/system":
                    session.Reset(rest);
                    break;
                case "/base":
                    session.Selection = AdapterSelection.None;
                    break;
                case "/adapter" when rest.Length > 0:
                    session.Selection = Choose(loaded, rest);
                    break;
                case "/adapters":
                    Console.Error.WriteLine(loaded.Model.Adapters.Count == 0 ? "none" : string.Join(", ", loaded.Model.Adapters.Keys));
                    return true;
                default:
                    Console.Error.WriteLine($"commands: {Commands}");
                    return true;
            }
            Console.Error.WriteLine($"{Name(loaded, session.Selection)} "
                + $"listens{(session.Messages.Count == 0 ? " to a new conversation" : "")}.");
        }
        catch (PeftException e)
        {
            Console.Error.WriteLine($"error: {Printable.Sentence(e.Message)}");
        }
        return true;
    }

    // An adapter that is there, an expression of such, or one in a folder, which comes in under the folder's name.
    private static AdapterSelection Choose(LoadedModel loaded, string named)
    {
        if (loaded.Model.Adapters.ContainsKey(named) || !Directory.Exists(named)) return loaded.Model.Select(named);
        var name = NameOf(named);
        if (!loaded.Model.Adapters.ContainsKey(name)) AdapterFolder.Open(named).LoadInto(loaded.Model, name);
        return loaded.Model.Select(name);
    }

    private static string NameOf(string folder) => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));

    private static string Name(LoadedModel loaded, AdapterSelection selection) =>
        selection.Adapters.Count == 0 ? $"The base {Path.GetFileName(Path.TrimEndingDirectorySeparator(loaded.BaseFolder))}"
            : $"The adapter {selection}";
}
