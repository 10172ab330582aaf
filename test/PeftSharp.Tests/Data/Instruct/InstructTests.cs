using PeftSharp.Data;
using PeftSharp.Data.Instruct;
using PeftSharp.Tests.Tokenization;
using PeftSharp.Tokenization;
using PeftSharp.Tokenization.Chat;

namespace PeftSharp.Tests.Data.Instruct;

/// <summary>Instruction data of every kind: what is read, and which tokens are learnt.</summary>
public sealed class InstructTests
{
    private const string Template = "{% for m in messages %}{{ '<' + m['role'] + '>' + m['content'] + '<|endoftext|>' }}\n{% endfor "
        + "%}{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}";

    private static readonly DataOptions Tokens = new() { Kind = LabelKind.Tokens };

    [Theory]
    [InlineData("""{"instruction": "Add.", "input": "1 and 2", "output": "3"}""", "user: Add.\n1 and 2 | assistant: 3")]
    [InlineData("""{"instruction": "Greet.", "input": "", "output": "Hi", "system": "Be kind."}""",
        "system: Be kind. | user: Greet. | assistant: Hi")]
    [InlineData("""{"prompt": "Two is", "completion": " even"}""", "plain user: Two is | assistant:  even")]
    [InlineData("""{"messages": [{"role": "user", "content": "A?"}, {"role": "assistant", "content": "B."}, {"role": "user","""
        + """ "content": "C?"}, {"role": "assistant", "content": "D."}]}""",
        "user: A? | assistant: B. | user: C? | assistant: D.")]
    [InlineData("""{"conversations": [{"from": "human", "value": "A?"}, {"from": "gpt", "value": "B."}], "system": "S"}""",
        "system: S | user: A? | assistant: B.")]
    [InlineData("""{"prompt": [{"role": "user", "content": "A?"}], "completion": [{"role": "assistant", "content": "B."}]}""",
        "user: A? | assistant: B.")]
    [InlineData("""{"question": "A?", "answer": "B.", "id": 7}""", "user: A? | assistant: B.")]
    [InlineData("""{"text": "Once upon a time."}""", "plain assistant: Once upon a time.")]
    public void Every_Kind_Is_Read(string row, string expected)
    {
        using var folder = new TempFolder().Write("rows.jsonl", row + "\n");
        using var data = TextDataset.Load(Path.Combine(folder.Path, "rows.jsonl"), Tokens);
        Assert.Equal(LabelKind.Tokens, data.Kind);
        Assert.Equal(expected, Told(Conversation.Parse(Assert.Single(data.Examples).Text)));
    }

    [Fact]
    public void Tables_Have_A_Prompt_And_What_Follows_It()
    {
        using var folder = new TempFolder().Write("rows.csv", "mr,ref\n\"name[A], food[B]\",\"A serves "
            + "B.\"\n").Write("other.tsv", "q\tnote\ta\nWho?\tx\tMe.\n");
        using var known = TextDataset.Load(Path.Combine(folder.Path, "rows.csv"), Tokens);
        Assert.Equal("plain user: name[A], food[B] | assistant: A serves B.", Told(Conversation.Parse(known.Examples[0].Text)));
        using var named = TextDataset.Load(Path.Combine(folder.Path, "other.tsv"), Tokens with { Text = "q", Pair = "a" });
        Assert.Equal("plain user: Who? | assistant: Me.", Told(Conversation.Parse(named.Examples[0].Text)));
    }

    [Theory]
    [InlineData("""{"instruction": "A", "output": " "}""", "the field 'output'")]
    [InlineData("""{"instruction": "A", "output": 5}""", "'output' holds a number, expected a text")]
    [InlineData("""{"messages": [{"role": "robot", "content": "x"}]}""", "message 1 of 'messages' is of 'robot'; expected system, user")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}]}""", "no answer of the assistant")]
    [InlineData("""{"messages": "x"}""", "holds a string, expected a list of messages")]
    [InlineData("""{"conversations": [{"from": "human"}]}""", "'value' is missing")]
    [InlineData("""{"a": 1}""", "no instruction was recognised among the fields 'a'")]
    public void Bad_Rows_Are_Said_With_Their_Place(string row, string said)
    {
        using var folder = new TempFolder().Write("rows.jsonl", $$"""{"text": "good"}{{"\n"}}{{row}}{{"\n"}}""");
        var path = Path.Combine(folder.Path, "rows.jsonl");
        var message = Assert.Throws<PeftException>(() => TextDataset.Load(path, Tokens)).Message;
        Assert.StartsWith($"{path}, line 2: ", message, StringComparison.Ordinal);
        Assert.Contains(said, message, StringComparison.Ordinal);
        using var rest = TextDataset.Load(path, Tokens with { OnBadRow = OnBadRow.Skip });
        Assert.Equal((1, 1), (rest.Count, rest.SkippedRows));
    }

    [Fact]
    public void Answers_And_What_Ends_Them_Are_Learnt()
    {
        using var folder = Chat();
        var tokenizer = Tokenizer.Load(folder.Path);
        var end = tokenizer.TokenToId("<|endoftext|>")!.Value;
        var encoder = new InstructEncoder(tokenizer, [end], twoStacks: false);
        ChatMessage[] turns = [new("user", "Why <|endoftext|>?"), new("assistant", "So."), new("user", "And?"),
            new("assistant", "Yes <assistant>.")];
        var encoded = encoder.Encode(new Conversation(turns, false).ToText(), null, 1000);
        Assert.Equal(tokenizer.Chat!.Encode(turns, beginAnswer: false), encoded.Ids);
        Assert.Equal(["So.<|endoftext|>", "Yes <assistant>.<|endoftext|>"], Learnt(tokenizer, encoded));
        // What is said ends nothing: four ends for four turns.
        Assert.Equal(4, encoded.Ids.Count(id => id == end));
        var cut = encoder.Encode(new Conversation(turns, false).ToText(), null, 7);
        Assert.Equal(encoded.Ids[..7], cut.Ids);
        Assert.Equal(encoded.TypeIds![..7], cut.TypeIds);
    }

    [Fact]
    public void Without_A_Template_Prompts_Are_Followed_By_Their_Completions()
    {
        var tokenizer = Tokenizer.Load(TestPaths.Fixture("tokenizers", "bytelevel-gpt2"));
        var end = tokenizer.TokenToId("<|endoftext|>")!.Value;
        var encoder = new InstructEncoder(tokenizer, [end], twoStacks: false);
        EncodedText Encode(Conversation row) => encoder.Encode(row.ToText(), null, 1000);
        Assert.Equal("name[A]\nA serves.<|endoftext|>", tokenizer.Decode(Encode(Conversation.Of("name[A]", "A serves.")).Ids,
            skipSpecialTokens: false));
        Assert.Equal(["A serves.<|endoftext|>"], Learnt(tokenizer, Encode(Conversation.Of("name[A]", "A serves."))));
        Assert.Equal(["Once.<|endoftext|>"], Learnt(tokenizer, Encode(Conversation.Of("Once.", null))));
        var chat = Encode(new([new("system", "S"), new("user", "A?"), new("assistant", "B."), new("user", "C?"), new("assistant", "D.")],
            false));
        Assert.Equal("S\n\n### Instruction:\nA?\n\n### Response:\nB.<|endoftext|>\n\n### Instruction:\nC?\n\n### "
            + "Response:\nD.<|endoftext|>", tokenizer.Decode(chat.Ids, skipSpecialTokens: false));
        Assert.Equal(["B.<|endoftext|>", "D.<|endoftext|>"], Learnt(tokenizer, chat));
    }

    [Fact]
    public void Batches_Have_Labels_Where_Tokens_Are_Learnt()
    {
        using var folder = Chat()
            .Write("rows.jsonl", """{"instruction": "A?", "output": "B."}""" + "\n"
            + """{"instruction": "Longer, is it?", "output": "It is."}""" + "\n");
        var tokenizer = Tokenizer.Load(folder.Path);
        var end = tokenizer.TokenToId("<|endoftext|>")!.Value;
        using var data = TextDataset.Load(Path.Combine(folder.Path, "rows.jsonl"), Tokens);
        using var tokens = TokenizedDataset.Create(data, new InstructEncoder(tokenizer, [end], false), 100);
        using var batch = tokens.CreateBatch([0, 1]);
        var (ids, labels) = (batch.InputIds.data<long>().ToArray(), batch.Labels!.data<long>().ToArray());
        Assert.Equal("B.<|endoftext|>", tokenizer.Decode([.. labels[..batch.Tokens].Where(l => l >= 0).Select(l => (int)l)],
            skipSpecialTokens: false));
        Assert.All(labels.Zip(ids), pair => Assert.True(pair.First == -100 || pair.First == pair.Second));
        Assert.Null(batch.TokenTypeIds);
        var packing = new PackedRows(tokens, 100);
        Assert.Equal(1, packing.Count);
        using var packed = packing.CreateBatch([0]);
        var segments = packed.Segments!.data<long>().ToArray();
        Assert.Equal([.. Enumerable.Repeat(1L, tokens.Lengths[1]), .. Enumerable.Repeat(2L, tokens.Lengths[0])], segments);
        Assert.Equal(labels.Where(l => l >= 0).Order(), packed.Labels!.data<long>().ToArray().Where(l => l >= 0).Order());
        Assert.Equal(2, new PackedRows(tokens, tokens.Lengths[1]).Count);
        Assert.Equal(2, new PackedRows(tokens, tokens.Lengths[0] + tokens.Lengths[1], added: 1).Count);
    }

    [Fact]
    public void An_Encoder_Decoder_Reads_One_Text_And_Learns_The_Other()
    {
        var tokenizer = Tokenizer.Load(TestPaths.Fixture("tokenizers", "t5-unigram"));
        using var folder = new TempFolder().Write("rows.jsonl", """{"prompt": "the house", "completion": "das haus"}""" + "\n");
        using var data = TextDataset.Load(Path.Combine(folder.Path, "rows.jsonl"), Tokens);
        using var tokens = TokenizedDataset.Create(data, new InstructEncoder(tokenizer, [1], twoStacks: true), 100);
        using var batch = tokens.CreateBatch([0]);
        Assert.Equal(tokenizer.Encode("the house").Ids.Select(id => (long)id), batch.InputIds.data<long>().ToArray());
        Assert.Equal(tokenizer.Encode("das haus").Ids.Select(id => (long)id), batch.Labels!.data<long>().ToArray());
    }

    private static TempFolder Chat() => new TempFolder().Write("tokenizer.json",
        File.ReadAllText(TestPaths.Fixture("tokenizers", "bytelevel-gpt2", "tokenizer.json")))
        .Write("chat_template.jinja", Template);

    private static string Told(Conversation row) => (row.IsPlain ? "plain " : "")
        + string.Join(" | ", row.Messages.Select(m => $"{m.Role}: {m.Content}"));

    // The runs of learnt tokens, as text.
    private static List<string> Learnt(Tokenizer tokenizer, EncodedText row)
    {
        var runs = new List<List<int>>();
        for (var i = 0; i < row.Ids.Length; i++)
        {
            if (row.TypeIds![i] == 0) continue;
            if (i == 0 || row.TypeIds[i - 1] == 0) runs.Add([]);
            runs[^1].Add(row.Ids[i]);
        }
        return [.. runs.Select(run => tokenizer.Decode([.. run], skipSpecialTokens: false))];
    }
}
