using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tests.Cli;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;
using Bits = PeftSharp.Tests.Matrix.Bits;

namespace PeftSharp.Tests.Models;

/// <summary>T5 with heads of classes, numbers and spans, as transformers defines them; checked against a T5 of plain tensors.</summary>
public sealed class T5HeadsTests : IDisposable
{
    private const int Pad = 3, End = 1;

    // Ends at the last token, in the middle, twice, and nowhere.
    private static readonly long[][] Texts = [[5, 9, 60, 33, 12, End], [7, End, 44, 8], [20, 21, End, 23, End, 25], [70, 6, 71]];

    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData(TaskKind.Classification, 3)]
    [InlineData(TaskKind.Regression, 1)]
    [InlineData(TaskKind.MultiLabel, 3)]
    public void A_text_is_answered_from_the_decoders_state_at_its_last_end(TaskKind task, int outputs)
    {
        using var scope = NewDisposeScope();
        using var model = Model(task);
        var plain = new PlainT5(model, "transformer.");
        using var output = Forward(model);
        Assert.Equal([Texts.Length, outputs], output.Logits.shape);
        for (var row = 0; row < Texts.Length; row++)
        {
            var at = Array.LastIndexOf(Texts[row], End) is >= 0 and var end ? end : Texts[row].Length - 1;
            var read = plain.Decode(Texts[row], Pad)[at];
            var dense = (read.matmul(plain["classification_head.dense.weight"].t()) + plain["classification_head.dense.bias"]).tanh();
            var answer = dense.matmul(plain["classification_head.out_proj.weight"].t()) + plain["classification_head.out_proj.bias"];
            Bits.AssertClose(answer, output.Logits[row], 1e-10, $"Row {row}");
        }
    }

    [Fact]
    public void Tokens_are_answered_by_the_encoder_alone()
    {
        using var scope = NewDisposeScope();
        using var model = Model(TaskKind.TokenClassification);
        Assert.DoesNotContain(model.Sites.Slots, slot => slot.Name.Contains("decoder", StringComparison.Ordinal));
        var plain = new PlainT5(model, "transformer.");
        using var output = Forward(model);
        for (var row = 0; row < Texts.Length; row++)
        {
            var answer = plain.Encode(Texts[row]).matmul(plain["classifier.weight"].t()) + plain["classifier.bias"];
            Bits.AssertClose(answer, output.Logits[row].narrow(0, 0, Texts[row].Length), 1e-10, $"Row {row}");
        }
    }

    [Fact]
    public void Spans_are_answered_by_the_decoder()
    {
        using var scope = NewDisposeScope();
        using var model = Model(TaskKind.QuestionAnswering);
        var plain = new PlainT5(model, "");
        using var output = Forward(model);
        for (var row = 0; row < Texts.Length; row++)
        {
            var answer = plain.Decode(Texts[row], Pad).matmul(plain["qa_outputs.weight"].t()) + plain["qa_outputs.bias"];
            Bits.AssertClose(answer, output.Logits[row].narrow(0, 0, Texts[row].Length), 1e-10, $"Row {row}");
        }
    }

    // Padding on either side, and what stands beside a row, change nothing.
    [Theory]
    [InlineData(TaskKind.Classification)]
    [InlineData(TaskKind.QuestionAnswering)]
    [InlineData(TaskKind.TokenClassification)]
    public void A_row_answers_alone_as_it_does_padded(TaskKind task)
    {
        using var scope = NewDisposeScope();
        using var model = Model(task);
        using var together = Forward(model);
        using var left = Forward(model, left: true);
        for (var row = 0; row < Texts.Length; row++)
        {
            using var batch = Batch([Texts[row]], left: false);
            using var alone = model.Forward(batch, new ForwardContext());
            var (from, to) = (0, Texts[row].Length);
            Tensor Of(Tensor logits, int start) => task == TaskKind.Classification ? logits : logits.narrow(0, start, to - from);
            Bits.AssertClose(alone.Logits[0], Of(together.Logits[row], 0), 1e-10, $"Row {row}, padded at the right");
            Bits.AssertClose(alone.Logits[0], Of(left.Logits[row], 6 - to), 1e-10, $"Row {row}, padded at the left");
        }
    }

    // A checkpoint that answers with texts has the same layers under names without a prefix, and the other way round.
    [Theory]
    [InlineData(TaskKind.SequenceToSequence, TaskKind.Classification)]
    [InlineData(TaskKind.Classification, TaskKind.QuestionAnswering)]
    [InlineData(TaskKind.Classification, TaskKind.SequenceToSequence)]
    public void A_checkpoint_with_another_head_lends_its_layers(TaskKind stored, TaskKind asked)
    {
        using (var first = Model(stored)) ModelWriter.Write(first, _folder.File("first"));
        using var model = ModelLoader.Load(_folder.File("first"), new() { Task = asked });
        using var again = ModelLoader.Load(_folder.File("first"), new() { Task = stored });
        var layers = again.Sites.Slots.Where(s => s.Name.Contains(".block.", StringComparison.Ordinal)).ToList();
        Assert.True(layers.Count > 20);
        foreach (var slot in layers)
        {
            var name = slot.Name[again.BasePrefix.Length..];
            Bits.AssertSame(slot.Value, model.Sites.Slots.Single(s => s.Name == model.BasePrefix + name).Value, name);
        }
        Assert.Equal(asked == TaskKind.SequenceToSequence ? 0 : asked == TaskKind.QuestionAnswering ? 2 : 4, model.Created.Count);
    }

    [Fact]
    public void Peft_finds_the_head_under_its_name()
    {
        using var peft = new PeftModel(Model(TaskKind.Classification));
        var adapter = peft.Add(new LoraOptions { Rank = 2, TargetModules = new(["q", "v"]) });
        AdapterFolder.Save(adapter, _folder.File("adapter"), AdapterFormat.Peft);
        var settings = JsonNode.Parse(File.ReadAllText(_folder.File(Path.Combine("adapter", "adapter_config.json"))))!;
        Assert.Equal("SEQ_CLS", (string)settings["task_type"]!);
        Assert.Equal(["classification_head"], settings["modules_to_save"]!.AsArray().Select(m => (string)m!));
        using var file = SafetensorsFile.Open(_folder.File(Path.Combine("adapter", "adapter_model.safetensors")));
        string[] head =
        [
            "base_model.model.classification_head.dense.bias", "base_model.model.classification_head.dense.weight",
            "base_model.model.classification_head.out_proj.bias", "base_model.model.classification_head.out_proj.weight",
        ];
        Assert.Equal(head, file.Tensors.Keys.Where(k => !k.Contains("lora_", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Contains("base_model.model.transformer.decoder.block.1.layer.1.EncDecAttention.v.lora_B.weight", file.Tensors.Keys);
        Assert.Equal(4 + 2 * 2 * (2 + 4), file.Tensors.Count);
    }

    // From the command line to an answer.
    [Fact]
    public void The_tool_trains_scores_and_predicts()
    {
        var model = _folder.File("base");
        var config = Config(1200, end: 2, pad: 0);
        using (var made = ModelLoader.Create(ModelConfig.From(config), null, new() { Task = TaskKind.SequenceToSequence, Seed = 3 }))
            ModelWriter.Write(made, model);
        File.Copy(TestPaths.Fixture("tokenizers", "t5-unigram", "tokenizer.json"), Path.Combine(model, "tokenizer.json"));
        var rows = _folder.File("rows.tsv");
        string[] things = ["film", "book", "song", "play"];
        var lines = Enumerable.Range(0, 48).Select(i => $"the {things[i / 2 % 4]} is {(i % 2 == 0 ? "good" : "awful")}\t{i % 2}");
        File.WriteAllLines(rows, lines.Prepend("sentence\tlabel"));
        var adapter = _folder.File("out");
        Peft.Run("train", "--base", model, "--method", "lora", "--set", "target_modules=q,v", "--data", rows, "--out", adapter, "--lr",
            "2e-2", "--epochs", "12", "--compute", "fp32").Succeeds();
        var found = Peft.Run("eval", "--base", model, "--adapter", adapter, "--data", rows, "--json").Succeeds().Json;
        Assert.Equal(1, (double)found["metrics"]!["accuracy"]!);
        var answers = Peft.Run("predict", "--base", model, "--adapter", adapter, "--text", "the song is awful",
            "--text", "the song is good", "--json").Succeeds().Json.AsArray();
        Assert.Equal(["1", "0"], answers.Select(a => a!["label"]!.ToString()));
        var merged = _folder.File("merged");
        Peft.Run("merge", "--base", model, "--adapter", adapter, "--out", merged).Succeeds();
        found = Peft.Run("eval", "--base", merged, "--data", rows, "--json").Succeeds().Json;
        Assert.Equal(1, (double)found["metrics"]!["accuracy"]!);
        Assert.Contains("T5ForSequenceClassification", File.ReadAllText(Path.Combine(merged, "config.json")), StringComparison.Ordinal);
    }

    private static JsonObject Config(int vocabulary, int end, int pad)
    {
        var config = (JsonObject)JsonNode.Parse(Architectures.Find("t5")!.Tiny(32))!;
        config["vocab_size"] = vocabulary;
        (config["eos_token_id"], config["pad_token_id"], config["decoder_start_token_id"]) = (end, pad, pad);
        config["dropout_rate"] = 0.0;
        return config;
    }

    private static TransformerModel Model(TaskKind task)
    {
        LibTorch.EnsureLoaded();
        var named = task is TaskKind.Classification or TaskKind.MultiLabel or TaskKind.TokenClassification;
        string[]? labels = named ? ["a", "b", "c"] : null;
        return ModelLoader.Create(
            ModelConfig.From(Config(97, End, Pad)), null,
            new() { Task = task, Labels = labels, Precision = ScalarType.Float64, Seed = 9 });
    }

    private static ModelOutput Forward(TransformerModel model, bool left = false)
    {
        using var guard = no_grad();
        using var batch = Batch(Texts, left);
        return model.Forward(batch, new ForwardContext());
    }

    private static TokenBatch Batch(long[][] rows, bool left)
    {
        var width = rows.Max(row => row.Length);
        var (ids, mask) = (Enumerable.Repeat((long)Pad, rows.Length * width).ToArray(), new long[rows.Length * width]);
        for (var row = 0; row < rows.Length; row++)
            for (var i = 0; i < rows[row].Length; i++)
            {
                var place = row * width + i + (left ? width - rows[row].Length : 0);
                (ids[place], mask[place]) = (rows[row][i], 1);
            }
        long[] shape = [rows.Length, width];
        return new()
        {
            InputIds = tensor(ids, shape),
            AttentionMask = tensor(mask, shape),
            RealTokens = (int)mask.Sum(),
            Unpadded = mask.Sum() == ids.Length,
        };
    }

    public void Dispose() => _folder.Dispose();
}
