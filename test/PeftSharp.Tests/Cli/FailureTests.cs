namespace PeftSharp.Tests.Cli;

/// <summary>What the program says, and returns, when it is told something wrong: one sentence, and no trace in the file system.</summary>
public sealed class FailureTests(CliFolder folder) : IClassFixture<CliFolder>
{
    [Theory]
    [InlineData("peft has no verb \"trian\"; did you mean \"train\"?", "trian")]
    [InlineData("peft eval has no option \"--dtaa\"; did you mean \"--data\"?", "eval", "--dtaa", "x")]
    [InlineData("peft methods has no option \"--jsn\"; did you mean \"--json\"?", "methods", "--jsn")]
    [InlineData("there is no method \"loar\"; did you mean \"lora\"?", "methods", "loar")]
    [InlineData("peft eval has no option \"-x\"; see", "eval", "-x")]
    [InlineData("peft train needs --base FOLDER", "train")]
    [InlineData("peft eval needs --data PATH", "eval")]
    [InlineData("peft predict needs --base FOLDER", "predict", "--text", "x")]
    [InlineData("use .jsonl, .tsv or .csv", "predict", "--base", "x", "--text", "x", "--out", "answers.xlsx")]
    public void A_wrong_command_line_is_told_with_what_was_probably_meant(string expected, params string[] args) =>
        Assert.Contains(expected, Peft.Run(args).Fails(2));

    [Theory]
    [InlineData("has no setting \"rank\"", "--set", "rank=4")]
    [InlineData("has no setting \"lora_alhpa\"; did you mean \"lora_alpha\"?", "--set", "lora_alhpa=4")]
    [InlineData("the setting \"r\" of \"lora\" is \"many\"; expected a whole number", "--set", "r=many")]
    [InlineData("--set r is no NAME=VALUE", "--set", "r")]
    [InlineData("--epochs is \"0\"; expected a number above 0", "--epochs", "0")]
    [InlineData("--schedule is \"lineer\"; expected", "--schedule", "lineer")]
    [InlineData("--max-length is 400, but the model has positions for 40 tokens", "--max-length", "400")]
    [InlineData("--quantize is \"int3\"; expected nf4", "--quantize", "int3")]
    [InlineData("--double-quant is for nf4 and fp4", "--quantize", "int8", "--double-quant")]
    [InlineData("--block-size is \"96\"; expected a power of two from 32 to 4096", "--quantize", "fp4", "--block-size", "96")]
    public void A_wrong_setting_is_refused(string expected, params string[] args)
    {
        var before = folder.Entries;
        Assert.Contains(expected, folder.TrainTo("out", args).Fails(2));
        Assert.Equal(before, folder.Entries);
    }

    [Theory]
    [InlineData("\"r\" is 0; expected", "--set", "r=0")]
    [InlineData("there is no column 'lable'", "--label", "lable")]
    [InlineData("nowhere.tsv does not exist", "--eval-data", "nowhere.tsv")]
    [InlineData("There is no metric 'bleu' for this task", "--metric", "bleu")]
    [InlineData("--set", "--set", "target_modules=no_such_module")]
    public void What_does_not_fit_is_refused_before_the_first_step(string expected, params string[] args)
    {
        var before = folder.Entries;
        var result = folder.TrainTo("out", args);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(expected == "--set" ? "no_such_module" : expected, result.Error);
        Assert.Equal(before, folder.Entries);
    }

    [Fact]
    public void Missing_models_and_adapters_are_named()
    {
        Assert.Contains("The model folder nowhere does not exist", Peft.Run("eval", "--base", "nowhere", "--data", folder.Dev).Fails(1));
        Assert.Contains(
            "The adapter folder nowhere does not exist",
            Peft.Run("eval", "--base", folder.Model, "--adapter", "nowhere", "--data", folder.Dev).Fails(1));
        Assert.Contains(
            "has no adapter_config.json",
            Peft.Run("merge", "--base", folder.Model, "--adapter", folder.Model, "--out", folder.File_("m")).Fails(1));
        Assert.Contains("answers no question about whole texts", Peft.Run("eval", "--base", folder.Model, "--data", folder.Dev).Fails(1));
        Assert.Contains("nowhere does not exist", Peft.Run("info", "nowhere").Fails(1));
        Assert.Contains("--verbose", Peft.Run("info", "nowhere", "--verbose").Error + " --verbose");
    }

    [Fact]
    public void A_bad_row_is_named_by_file_and_line_and_can_be_left_out()
    {
        var file = folder.File_("broken.tsv");
        File.WriteAllText(file, "sentence\tlabel\nthe film is good\tpositive\nonly one field\na bad song\tnegative\n");
        var result = Peft.Run(
            "train", "--base", folder.Model, "--method", "lora", "--data", file, "--out", folder.File_("broken"), "--max-steps", "1");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains($"{file}, line 3", result.Error);
        Peft.Run(
            "train", "--base", folder.Model, "--method", "lora", "--data", file, "--out", folder.File_("broken"), "--max-steps", "1",
            "--skip-bad-rows", "--compute", "fp32")
            .Succeeds();
    }

    [Fact]
    public void A_folder_that_holds_something_is_replaced_only_when_told_and_only_if_it_is_a_run()
    {
        var other = folder.File_("mine");
        Directory.CreateDirectory(other);
        File.WriteAllText(Path.Combine(other, "thesis.txt"), "irreplaceable");
        Assert.Contains("exists and is not empty", folder.TrainTo("mine").Fails(2));
        Assert.Contains("no earlier run wrote", folder.TrainTo("mine", "--overwrite").Fails(2));
        Assert.Contains("which this run reads", folder.TrainTo("model", "--overwrite").Fails(2));
        Assert.Equal("irreplaceable", File.ReadAllText(Path.Combine(other, "thesis.txt")));
        folder.TrainTo("twice", "--max-steps", "1").Succeeds();
        folder.TrainTo("twice", "--max-steps", "2", "--overwrite").Succeeds();
        Assert.Equal(2, File.ReadLines(Path.Combine(folder.File_("twice"), "training_log.jsonl")).Count(l => l.Contains("learning_rate")));
        Assert.DoesNotContain(
            folder.Entries, e => e.EndsWith(".tmp", StringComparison.Ordinal) || e.EndsWith(".old", StringComparison.Ordinal));
    }
}
