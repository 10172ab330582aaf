using System.CommandLine;
using System.CommandLine.Help;
using PeftSharp.Cli.Verbs;

namespace PeftSharp.Cli;

/// <summary>The verbs and what they have in common. Only the verb that is asked for builds its options: the start stays fast.</summary>
internal static class CommandTree
{
    /// <summary>Shared by all verbs: the stack trace of a failure.</summary>
    public static readonly Option<bool> Verbose = new("--verbose") { Description = "Show the stack trace of a failure.", Recursive = true };

    private static readonly Option<bool> HelpAll = new("--help-all")
    {
        Description = "Show help with every option.",
        Recursive = true,
        Action = new HelpWithExamples(all: true),
    };

    // One line a verb; the order is the order of the help.
    private static readonly Verb[] Verbs =
    [
        new("quickstart", "Train on a model and data that come with the program: start here.", QuickstartVerb.Build),
        new("train", "Train an adapter on a dataset.", TrainVerb.Build),
        new("eval", "Score a model or an adapter on labelled data.", EvalVerb.Build),
        new("compare", "Compare methods on datasets: scores, sizes, memory and time in one table.", CompareVerb.Build),
        new("autotune", "Search modules, sizes and layers for the best score at every number of weights.", AutotuneVerb.Build),
        new("predict", "Answer texts with labels and probabilities.", PredictVerb.Build),
        new("generate", "Answer prompts with text.", GenerateVerb.Build),
        new("chat", "Talk with a model; adapters change by a command.", ChatVerb.Build),
        new("merge", "Write an adapter into the weights of its base model.", MergeVerb.Build),
        new("export", "Write a model, or a LoRA, as a GGUF file for llama.cpp.", ExportVerb.Build),
        new("verify", "Check an adapter against its proof: base, tokenizer, weights, answers.", VerifyVerb.Build),
        new("analyze", "Tell what an adapter does to a model: ranks, norms, directions, rounding.", AnalyzeVerb.Build),
        new("combine", "Make one adapter of several: sum, SVD, TIES, DARE, pruning, mean.", CombineVerb.Build),
        new("convert", "Write an adapter in the layout of peft or AdapterHub, or as a LoRA.", ConvertVerb.Build),
        new("extract", "Write a full fine-tuning, or any mergeable adapter, as a LoRA of a given rank.", ExtractVerb.Build),
        new("data", "Show what a dataset holds: labels, lengths, duplicates, leakage.", DataVerb.Build),
        new("info", "Tell what a model, an adapter or a checkpoint is.", InfoVerb.Build),
        new("estimate", "Work out the memory and disk that training would take, without weights.", EstimateVerb.Build),
        new("methods", "List the methods, or the settings of one.", MethodsVerb.Build),
        new("quantize", "Write a model in 4 or 8 bits.", QuantizeVerb.Build),
        new("pull", "Fetch a model or an adapter from the hub.", PullVerb.Build),
        new("push", "Upload an adapter or a model to the hub.", PushVerb.Build),
        new("conformance", "Compare this program with the reference implementations' numbers.", ConformanceVerb.Build),
    ];

    /// <summary>Parses and runs a command line.</summary>
    public static int Run(string[] args)
    {
        var root = new RootCommand("Parameter-efficient fine-tuning of pretrained transformers.") { Verbose };
        var chosen = args.FirstOrDefault(a => !a.StartsWith('-'));
        foreach (var verb in Verbs) root.Add(verb.Name == chosen ? Whole(verb) : new Command(verb.Name, verb.Summary));
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples(all: false);
        help.Description = "Show help: what the verb does, its common options, examples.";
        root.Add(HelpAll);
        if (args.Length == 0) return Help(root);
        // "@name" is a text here, not a file of arguments.
        var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        var isHelp = parsed.GetResult(help) is not null || parsed.GetResult(HelpAll) is { Implicit: false };
        if (!isHelp && Usage.Problem(parsed) is { } problem)
        {
            Console.Error.WriteLine($"error: {problem}");
            return ExitCode.Usage;
        }
        if (!isHelp && OptionNames.Note(parsed) is { } note) Console.Error.WriteLine(note);
        return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    /// <summary>The names of the verbs, in the order of the help.</summary>
    public static IEnumerable<string> Names => Verbs.Select(v => v.Name);

    /// <summary>A verb with all its options.</summary>
    public static Command Build(string name) => Whole(Verbs.First(v => v.Name == name));

    private static Command Whole(Verb verb)
    {
        var command = new Command(verb.Name, verb.Summary);
        verb.Build(command);
        OptionNames.Complete(command);
        return command;
    }

    private static int Help(RootCommand root)
    {
        root.Parse(["--help"]).Invoke();
        return ExitCode.Usage;
    }

    private sealed record Verb(string Name, string Summary, Action<Command> Build);
}
