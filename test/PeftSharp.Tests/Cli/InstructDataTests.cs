using System.Text.Json.Nodes;
using PeftSharp.Tests.Generation;
using PeftSharp.Tokenization;

namespace PeftSharp.Tests.Cli;

/// <summary>Prompts with answers before a model learns them, and methods compared on them.</summary>
public sealed class InstructDataTests : IDisposable
{
    private readonly WritingModel _files = new();

    [Fact]
    public void Prompts_answers_and_what_would_be_cut_are_counted()
    {
        var file = _files.File_("some.jsonl");
        var longer = string.Concat(Enumerable.Repeat("many words ", 30));
        File.WriteAllLines(file,
        [
            """{ "instruction": "Which colour?", "output": "red" }""",
            """{ "instruction": "Which colour?", "output": "green and blue" }""",
            """{ "instruction": "Which colour?", "output": "red" }""",
            """{ "system": "Be brief.", "conversations": [{ "from": "human", "value": "a" }, { "from": "gpt", "value": "b" }, """
                + """{ "from": "human", "value": "c" }, { "from": "gpt", "value": "d" }] }""",
            $$"""{ "instruction": "{{longer}}", "output": "never" }""",
            $$"""{ "instruction": "Tell!", "output": "{{longer}}" }""",
            """{ "instruction": "nothing more" }""",
        ]);
        var part = Peft.Run("data", file, "--base", _files.Model, "--max-length", "64", "--json").Succeeds().Json["parts"]![0]!;
        Assert.Equal((6, 1, 1), ((int)part["rows"]!, (int)part["bad_rows"]!, (int)part["duplicates"]!));
        var found = part["instruct"]!;
        Assert.Equal((4, 1, 1), ((int)found["prompts"]!, (int)found["several_turns"]!, (int)found["with_system"]!));
        Assert.Equal((2, 1), ((int)found["answers_cut"]!, (int)found["answers_lost"]!));
        Assert.Equal(2, (int)part["longer_than_max_length"]!);

        // Counted once more: an answer's tokens are those behind its prompt, the end token included.
        var tokenizer = Tokenizer.Load(_files.Model);
        var template = tokenizer.Chat!;
        int Learnt(string prompt, string answer)
        {
            var before = template.Encode([new(ChatMessage.User, prompt)], beginAnswer: true);
            var after = template.Encode([new(ChatMessage.User, prompt), new(ChatMessage.Assistant, answer)], beginAnswer: false);
            return Array.IndexOf(after, 0, before.Length) + 1 - before.Length;
        }
        int[] learnt = [Learnt("Which colour?", "red"), Learnt("Which colour?", "green and blue"), Learnt(longer, "never")];
        var lengths = part["lengths"]!;
        Assert.Equal(Math.Min(learnt.Min(), Learnt("a", "b") + Learnt("c", "d")), (int)lengths["answer tokens"]!["min"]!);
        Assert.Equal(Learnt("Tell!", longer), (int)lengths["answer tokens"]!["max"]!);
        var all = 2 * learnt[0] + learnt[1] + learnt[2] + Learnt("a", "b") + Learnt("c", "d") + Learnt("Tell!", longer);
        Assert.Equal(all, (int)found["answer_tokens"]!);
        Assert.InRange((int)found["answer_tokens_within_max_length"]!, all - Learnt("Tell!", longer) - learnt[2] + 1, all - learnt[2] - 1);

        var output = Peft.Run("data", file, "--base", _files.Model, "--max-length", "64").Succeeds().Output;
        Assert.Contains("nothing of the answer would be left", output, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^rows +4 +1 +1 ", output);
        Assert.Matches(@"(?m)^rows +answer tokens ", output);
    }

    [Fact]
    public void Without_a_model_words_are_counted_and_tables_are_read_where_told()
    {
        var part = Peft.Run("data", _files.Rows, "--json").Succeeds().Json["parts"]![0]!;
        Assert.Equal((5, 1), ((int)part["lengths"]!["prompt words"]!["max"]!, (int)part["lengths"]!["answer words"]!["max"]!));
        Assert.Equal((6, 512), ((int)part["lengths"]!["words"]!["max"]!, (int)part["max_length"]!));
        Assert.Null(part["instruct"]!["answers_cut"]);
        var table = _files.File_("e2e.csv");
        File.WriteAllText(table, "mr,ref\nname[A],A is a place.\nname[A],There is A.\n");
        part = Peft.Run("data", table, "--problem", "generation", "--json").Succeeds().Json["parts"]![0]!;
        Assert.Equal((2, 1), ((int)part["rows"]!, (int)part["instruct"]!["prompts"]!));
        Assert.Contains("--problem is", Peft.Run("data", table, "--problem", "nothing").Fails(2), StringComparison.Ordinal);
    }

    // The loss of answers decides, and less of it is better.
    [Fact]
    public void Methods_are_compared_by_perplexity()
    {
        var json = Peft.Run(
            "compare", "--base", _files.Model, "--data", _files.Rows, "--methods", "lora,ln_tuning", "--set", "split_shares=0.5,0.5",
            "max_steps=6", "learning_rate=1e-2", "compute=fp32", "max_length=96", "--out",
            _files.File_("compared"), "--json").Succeeds().Json;
        var summary = json["summary"]!.AsArray();
        Assert.Equal(["perplexity", "perplexity"], summary.Select(s => (string)s!["metric"]!));
        Assert.True((double)summary[0]!["score"]! < (double)summary[1]!["score"]!);
        var cell = json["cells"]!.AsArray().First(c => (string)c!["method"]! == (string)summary[0]!["method"]!)!;
        var run = JsonNode.Parse(File.ReadAllText(Path.Combine(_files.File_("compared"), (string)cell["folder"]!, "run.json")))!;
        Assert.Equal(Math.Log((double)summary[0]!["score"]!), (double)run["metrics"]!["loss"]!, 1e-6);
    }

    public void Dispose() => _files.Dispose();
}
