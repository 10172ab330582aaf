using System.CommandLine;
using System.Reflection;
using PeftSharp.Cli;
using PeftSharp.Cli.Training;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Tests.Cli;

/// <summary>The options of all verbs: letters, names, values, and that each of them does something.</summary>
public sealed class OptionTests(CliFolder folder) : IClassFixture<CliFolder>
{
    public static TheoryData<string> Verbs => [.. CommandTree.Names];

    [Fact]
    public void A_letter_means_one_option_and_stands_wherever_that_option_does()
    {
        var seen = new Dictionary<string, string>();
        foreach (var verb in CommandTree.Names)
            foreach (var option in CommandTree.Build(verb).Options)
            {
                var letters = option.Aliases.Where(a => a.Length == 2).ToList();
                foreach (var letter in letters) Assert.Equal(option.Name, seen.TryAdd(letter, option.Name) ? option.Name : seen[letter]);
                Assert.Equal(OptionNames.Letters.TryGetValue(option.Name, out var own) ? [own] : [], letters);
            }
        Assert.Equal(OptionNames.Letters.Values.Order(), seen.Keys.Order());
    }

    // What a switch takes is nothing; what an option takes is told by its help. An option that a list of its own names gets that value.
    [Theory]
    [MemberData(nameof(Verbs))]
    public void Every_option_takes_a_plausible_value_under_all_its_names(string verb)
    {
        var command = CommandTree.Build(verb);
        var arguments = command.Arguments.Where(a => a.Arity.MinimumNumberOfValues > 0).Select(_ => "owner/name").ToArray();
        foreach (var option in command.Options)
            foreach (var name in option.Aliases.Prepend(option.Name))
            {
                string[] words = option.ValueType == typeof(bool) ? [name] : [name, Plausible(option)];
                var root = new RootCommand { command };
                var parsed = root.Parse([verb, .. arguments, .. words], new ParserConfiguration { ResponseFileTokenReplacer = null });
                Assert.True(Usage.Problem(parsed) is null, $"peft {verb} {string.Join(' ', words)}: {Usage.Problem(parsed)}");
                Assert.NotNull(parsed.GetResult(option));
                Assert.False(string.IsNullOrWhiteSpace(option.Description), $"peft {verb} {name} has no help");
            }
    }

    [Fact]
    public void Every_option_of_train_reaches_its_setting_and_no_two_reach_the_same()
    {
        var reached = new Dictionary<string, string>();
        foreach (var key in TrainKeys.All)
        {
            var (before, after) = (new TrainSettings(), new TrainSettings());
            key.Apply(after, key.Value is null ? key.Switch : Other(key), key.Option);
            var changed =
                typeof(TrainSettings).GetFields().Where(f => !Equals(f.GetValue(before), f.GetValue(after))).Select(f => f.Name).ToList();
            Assert.True(changed.Count == 1, $"{key.Option} changes {changed.Count} settings: {string.Join(", ", changed)}");
            Assert.True(reached.TryAdd(changed[0], key.Option), $"{key.Option} and {reached[changed[0]]} both change {changed[0]}");
        }
        Assert.Empty(
            typeof(TrainSettings).GetFields().Select(f => f.Name).Except(reached.Keys).Except([nameof(TrainSettings.MethodSource)]));
    }

    // A value that no setting can have is refused with a sentence that names it: an option that nothing reads would not notice.
    [Theory]
    [MemberData(nameof(Verbs))]
    public void Every_option_that_takes_a_number_or_a_choice_refuses_what_is_none(string verb)
    {
        var command = CommandTree.Build(verb);
        if (verb is "quickstart") return; // it would train where a value is let through
        foreach (
            var option in command.Options.Where(o => o.ValueType == typeof(string) && o.HelpName is { } value && IsNumberOrChoice(value)))
        {
            var result = Peft.Run([verb, .. Complete(verb), option.Name, "no#such/thing"]);
            Assert.True(result.ExitCode is 1 or 2, $"peft {verb} {option.Name}: {result.ExitCode} {result.Output}");
            Assert.Contains("no#such/thing", result.Error);
        }
    }

    // What a verb's action does not hold, it cannot read; a local that is only added to the command is not held.
    [Theory]
    [MemberData(nameof(Verbs))]
    public void Every_option_is_held_by_what_the_verb_does(string verb)
    {
        var command = CommandTree.Build(verb);
        var held = Held(command.Action!).ToHashSet(ReferenceEqualityComparer.Instance);
        Assert.Empty(command.Options.Where(o => !held.Contains(o)).Select(o => o.Name));
        var dropped = new Option<string>("--dropped");
        command.Add(dropped);
        Assert.DoesNotContain(dropped, held);
    }

    private static IEnumerable<object> Held(object root)
    {
        var (seen, open) = (new HashSet<object>(ReferenceEqualityComparer.Instance), new Stack<object>([root]));
        while (open.TryPop(out var next))
        {
            if (!seen.Add(next)) continue;
            if (next is Option)
            {
                yield return next;
                continue;
            }
            if (next is Delegate { Method.DeclaringType: { } type }) foreach (var own in Statics(type)) open.Push(own);
            foreach (var value in FieldsOf(next)) open.Push(value);
        }
    }

    private static IEnumerable<object> FieldsOf(object holder)
    {
        if (holder is Array array) return array.Cast<object?>().OfType<object>();
        var fields = new List<FieldInfo>();
        for (var type = holder.GetType(); type is not null && type != typeof(object); type = type.BaseType)
            fields.AddRange(type.GetFields(
                BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly));
        return fields.Where(f => !f.FieldType.IsPrimitive && !f.FieldType.IsPointer && f.FieldType != typeof(string))
            .Select(f => f.GetValue(holder))
            .OfType<object>()
            .Where(v => v is not (Type or System.Reflection.MemberInfo or Command));
    }

    private static IEnumerable<object> Statics(Type type) =>
        type.Assembly != typeof(CommandTree).Assembly || type == typeof(CommandTree) ? []
        : type.GetFields(
            System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Public)
            .Where(f => typeof(Option).IsAssignableFrom(f.FieldType))
            .Select(f => f.GetValue(null))
            .OfType<object>();

    [Theory]
    [InlineData("extract", "-r", "write --rank")]
    [InlineData("push", "-m", "write --message")]
    public void A_letter_that_meant_something_else_is_told(string verb, string letter, string expected) =>
        Assert.Contains(expected, Peft.Run(verb, letter, "8").Fails(2));

    [Fact]
    public void Columns_are_named_alike_everywhere_and_their_old_names_work_with_a_note()
    {
        string[] model = ["--base", folder.Model, "--adapter", folder.File_("columns")];
        folder.TrainTo("columns", "--max-steps", "1", "--text-column", "sentence", "--label-column", "label").Succeeds();
        var now = Peft.Run(["eval", .. model, "--data", folder.Dev, "--text-column", "sentence", "--label-column", "label"]).Succeeds();
        Assert.DoesNotContain("note:", now.Error);
        var old = Peft.Run(["eval", .. model, "--data", folder.Dev, "--text", "sentence", "--label", "label"]).Succeeds();
        Assert.Equal(now.Output, old.Output);
        Assert.Contains(
            "note: columns are named by --text-column and --label-column in every verb; --text and --label still work here", old.Error);
        var asked = Peft.Run(["predict", .. model, "--text", "a good film"]).Succeeds();
        Assert.DoesNotContain("note:", asked.Error);
        Assert.Contains("a good film", asked.Output);
    }

    [Theory]
    [InlineData("a,b", "a", "b")]
    [InlineData("a, b", "a", "b")]
    [InlineData("[a,b]", "a", "b")]
    [InlineData("[ a , b ]", "a", "b")]
    [InlineData("[\"a\", 'b']", "a", "b")]
    [InlineData("a", "a")]
    [InlineData("[]")]
    public void A_list_is_understood_in_every_way_that_people_write_it(string text, params string[] expected) =>
        Assert.Equal(expected, Values.List(text));

    [Theory]
    [InlineData("target_modules", "query,value", "query,value")]
    [InlineData("target_modules", "[query, value]", "query,value")]
    [InlineData("target_modules", "[\"query\",\"value\"]", "query,value")]
    [InlineData("target_modules", ".*\\.[qk]uery", "\".*\\\\.[qk]uery\"")]
    [InlineData("target_modules", "[qk]uery", "\"[qk]uery\"")]
    [InlineData("layers_to_transform", "0,1", "0,1")]
    [InlineData("layers_to_transform", "[0, 1]", "0,1")]
    [InlineData("layers_to_transform", "1", "1")]
    [InlineData("modules_to_save", "[classifier]", "classifier")]
    public void A_setting_that_is_a_list_is_shown_in_one_way(string name, string given, string shown)
    {
        var options = MethodSettings.With(new PeftSharp.Methods.Reparameterized.Lora.LoraOptions(), "lora", [new(name, given)], "--set");
        var setting = MethodSettings.Of(options.GetType()).Single(s => s.Name == name);
        Assert.Equal(shown, MethodSettings.Shown(options, setting));
        var again = MethodSettings.With(
            new PeftSharp.Methods.Reparameterized.Lora.LoraOptions(), "lora",
            [new(name, shown.Trim('"').Replace("\\\\", "\\", StringComparison.Ordinal))], "--set");
        Assert.Equal(shown, MethodSettings.Shown(again, setting));
    }

    [Theory]
    [InlineData("split_shares: 0.7,0.3")]
    [InlineData("split_shares: [0.7, 0.3]")]
    [InlineData("split_shares: \"[0.7, 0.3]\"")]
    public void A_recipe_takes_a_list_of_either_kind(string line)
    {
        var file = folder.File_("list.yaml");
        File.WriteAllText(file, line);
        var settings = new TrainSettings();
        RecipeFile.Apply(file, settings);
        Assert.Equal([0.7, 0.3], settings.SplitShares!);
    }

    private string Trained()
    {
        if (!Directory.Exists(folder.File_("trained"))) folder.TrainTo("trained", "--max-steps", "1").Succeeds();
        return folder.File_("trained");
    }

    private static bool IsNumberOrChoice(string value) =>
        value is "N" or "RATE" or "SHARE" or "NUMBERS" or "RATES" or "MINUTES" or "MB" or "A,B,C" or "B" or "E" or "MODE" or "TYPE"
            or "KIND"
            || value.Contains('|');

    private static string Plausible(Option option) => option.HelpName switch
    {
        "N" or "MB" or "MINUTES" or "NUMBERS" => "7",
        "RATES" => "1e-4,1e-3",
        "A,B,C" => "0.7,0.3",
        "RATE" or "SHARE" or "B" or "E" => "0.5",
        "NAME=VALUE" => "r=4",
        "yes|no" => "no",
        "CHAR" => ";",
        _ => "name",
    };

    // A value that is not the default.
    private static string Other(TrainKey key) => key.Option switch
    {
        "--problem" => "regression",
        "--schedule" => "cosine",
        "--optim" => "sgd",
        "--quantize" => "nf4",
        "--block-size" => "128",
        "--compute" => "bf16",
        "--pooling" => "mean",
        "--order" => "shuffled",
        "--format" => "adapterhub",
        "--save-strategy" => "epoch",
        "--split-shares" => "0.7,0.3",
        "--tasks" => "one=a,two=b",
        _ when key.Value is "yes|no" => "no",
        _ when key.Value is "CHAR" => ";",
        _ when key.Value is "N" or "MB" => "7",
        _ when key.Value is "RATE" or "SHARE" or "B" or "E" => "0.5",
        _ => "another",
    };

    // What a verb cannot do without, so that it comes to the option in question.
    private string[] Complete(string verb) => verb switch
    {
        "train" => ["--base", folder.Model, "--method", "lora", "--data", folder.Train, "--out", folder.File_("none"), "--dry-run"],
        "compare" => ["--base", folder.Model, "--methods", "lora", "--data", folder.Train, "--out", folder.File_("none")],
        "autotune" => ["--base", folder.Model, "--data", folder.Train, "--out", folder.File_("none")],
        "eval" => ["--base", folder.Model, "--adapter", Trained(), "--data", folder.Dev],
        "predict" => ["--base", folder.Model, "--data", folder.Dev],
        "convert" => ["--base", folder.Model, "--adapter", folder.Model, "--to", "lora", "--out", folder.File_("none")],
        "merge" or "analyze" or "extract" or "combine" =>
            ["--base", folder.Model, "--adapter", folder.Model, "--out", folder.File_("none")],
        "quantize" => ["--base", folder.Model, "--out", folder.File_("none")],
        "export" => ["--base", folder.Model, "--adapter", folder.Model, "--out", folder.File_("none.gguf")],
        "data" => [folder.Train],
        "estimate" => ["--numbers", "layers=2,width=32,heads=4,inner=64,vocabulary=100"],
        "verify" => [folder.Model],
        "info" => [folder.Model],
        "pull" => ["owner/name"],
        "push" => [folder.Model, "owner/name"],
        _ => [],
    };
}
