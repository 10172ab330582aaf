using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Generation;
using PeftSharp.Runs;
using PeftSharp.Tokenization;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft generate</c>: prompts in, the model's answers out.</summary>
internal static class GenerateVerb
{
    public static void Build(Command command)
    {
        var model = new GenerationParts(command);
        var text = new Option<string[]>("--text")
        {
            Description = "A prompt; may be given several times. Without it, lines of standard "
            + "input are prompts.",
            HelpName = "TEXT"
        };
        var plain = new Option<bool>("--plain") { Description = "Go on with the prompt as it is, without the model's chat template." };
        var json = new Option<bool>("--json")
        {
            Description = "Write one JSON array on standard output: prompt, text, token counts, "
            + "why it ended."
        };
        command.Add(text);
        command.Add(plain);
        command.Add(json);
        HelpWithExamples.Add(command,
            "generate --base models/SmolLM2-135M-Instruct --text \"Name three rivers.\"",
            "generate --base models/SmolLM2-135M-Instruct --adapter runs/alpaca --text \"Name three rivers.\" --temperature 0.7 "
                + "--top-p 0.9 --seed 7",
            "generate --base models/gpt2 --plain --text \"Once upon a time\" --beams 4 --max-new-tokens 40",
            "generate --adapter runs/e2e --json < prompts.txt");
        VerbParts.Run(command, parsed => Run(parsed, model, parsed.GetValue(text) ?? [], parsed.GetValue(plain), parsed.GetValue(json)));
    }

    private static int Run(ParseResult parsed, GenerationParts parts, string[] texts, bool plain, bool json)
    {
        var asked = parts.Options(parsed);
        parts.Models.Need(parsed, "generate");
        if (texts.Length == 0
            && !Console.IsInputRedirected) throw new UsageException("peft generate needs prompts: give --text TEXT, or lines on "
            + "standard input.");
        var prompts = texts.Length > 0 ? texts : Lines();
        if (prompts.Length == 0) throw new UsageException("Standard input holds no prompt; give at least one line.");
        using var loaded = parts.Open(parsed, "generate");
        var generator = loaded.Generator(asked);
        using var interruption = new Interruption("Stopping after this token; interrupt again to end at once.");
        var encoded = prompts.Select(prompt => Encode(loaded, generator, prompt, plain)).ToList();
        if (json || prompts.Length > 1 || generator.Defaults.Beams > 1) WriteAll(generator, loaded, prompts, encoded, json,
            interruption.Token);
        else Stream(generator, loaded, encoded[0], interruption.Token).GetAwaiter().GetResult();
        return ExitCode.Success;
    }

    private static string[] Lines()
    {
        var lines = new List<string>();
        while (Console.In.ReadLine() is { } line)
            if (!string.IsNullOrWhiteSpace(line)) lines.Add(line);
        return [.. lines];
    }

    // A prompt is what a user says where the model has a chat template.
    private static int[] Encode(LoadedModel loaded, TextGenerator generator, string prompt, bool plain)
    {
        if (string.IsNullOrWhiteSpace(prompt)) throw new UsageException("A prompt is blank; give some text.");
        return !plain && generator.Tokenizer.Chat is { } chat
            && loaded.Model.Model.Head.Kind == PeftSharp.Models.Heads.TaskKind.CausalLanguage
            ? chat.Encode([new(ChatMessage.User, prompt)], beginAnswer: true)
            : generator.Encode(prompt);
    }

    private static async Task Stream(TextGenerator generator, LoadedModel loaded, int[] prompt, CancellationToken cancellation)
    {
        await foreach (var piece in generator.StreamAsync(prompt, selection: loaded.Selection,
            cancellation: cancellation).ConfigureAwait(false))
        {
            Console.Out.Write(Printable.Lines(piece));
            Console.Out.Flush();
        }
        Console.Out.WriteLine();
    }

    private static void WriteAll(TextGenerator generator, LoadedModel loaded, string[] prompts, List<int[]> encoded, bool json,
        CancellationToken cancellation)
    {
        var answers = generator.Generate(encoded, selection: loaded.Selection, cancellation: cancellation);
        if (!json)
        {
            foreach (var answer in answers) Console.Out.WriteLine(Printable.Lines(answer.Text));
            return;
        }
        JsonOut.Write(new JsonArray([.. answers.Select((answer, i) => (JsonNode)new JsonObject
        {
            ["prompt"] = prompts[i],
            ["text"] = answer.Text,
            ["prompt_tokens"] = answer.PromptTokens,
            ["new_tokens"] = answer.Ids.Count,
            ["ended"] = answer.Reason.ToString(),
        })]));
    }
}
