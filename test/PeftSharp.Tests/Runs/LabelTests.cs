using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Metrics;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Cli;
using PeftSharp.Training;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Runs;

/// <summary>
/// Labels come from one place, are checked against the data, and travel with the adapter; from C# as from the command line.
/// </summary>
public sealed class LabelTests(CliFolder folder) : IClassFixture<CliFolder>
{
    private PeftModel Model(params string[] labels) =>
        new(ModelLoader.Load(folder.Model, new() { Task = TaskKind.Classification, Labels = labels, Seed = 3 }));

    private TokenizedDataset Rows(TextDataset data) =>
        TokenizedDataset.Create(data, new TokenizerTextEncoder(LoadedModel.TokenizerOf(folder.Model, null)!), 24);

    private TrainingResult Train(PeftModel model, PeftMethod adapter, TokenizedDataset rows, int steps)
    {
        using var trainer = new Trainer(
            new TrainableAdapter(model, adapter), new PlannedBatches(rows, new BatchPlan(rows.Lengths, 16, BatchOrder.Shuffled, 1)),
            new TrainerOptions { MaxSteps = steps, LearningRate = 2e-2 });
        return trainer.Run();
    }

    [Theory]
    [InlineData("swapped", "positive", "negative")]
    [InlineData("classes", "good", "bad")]
    [InlineData("outputs", "negative", "positive", "neutral")]
    public void Training_refuses_a_head_that_does_not_answer_the_data(string word, params string[] labels)
    {
        var model = Model(labels);
        var adapter = model.Add(new LoraOptions());
        var rows = Rows(TextDataset.Load(folder.Train));
        var message = Assert.Throws<PeftException>(() => Train(model, adapter, rows, 1)).Message;
        Assert.Contains(word, message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_batch_made_by_hand_with_a_label_out_of_range_is_refused_with_a_sentence()
    {
        var model = Model("no", "yes");
        var trained = new TrainableAdapter(model, model.Add(new LoraOptions()));
        using var batch = new TokenBatch
        {
            InputIds = tensor(new long[] { 2, 5, 3, 2, 6, 3 }, [2, 3]),
            AttentionMask = ones(2, 3, dtype: ScalarType.Int64),
            Labels = tensor(new long[] { 0, 2 }),
        };
        Assert.Contains(
            "the classes 0 to 1", Assert.Throws<PeftException>(() => trained.Loss(batch, new StepState(1, 0, 1, 1, 0.1))).Message);
    }

    [Fact]
    public void Scoring_refuses_swapped_classes()
    {
        var model = Model("positive", "negative");
        var rows = Rows(TextDataset.Load(folder.Dev));
        Assert.Contains(
            "swapped",
            Assert.Throws<PeftException>(
                () => new Evaluator(model, AdapterSelection.None, rows, PeftSharp.Metrics.MetricSet.For(rows.Data)).Evaluate()).Message);
    }

    [Fact]
    public void A_model_made_for_the_data_trains_and_its_card_travels()
    {
        var data = TextDataset.Load(folder.Train);
        var model = new PeftModel(ModelLoader.Load(folder.Model, ModelOptions.For(data) with { Pooling = Pooling.Mean }), folder.Model);
        var adapter = model.Add(new LoraOptions());
        Train(model, adapter, Rows(data), 3);
        var saved = folder.File_("from-code");
        AdapterFolder.Save(adapter, saved, AdapterFormat.Peft);
        var card = AdapterFolder.Open(saved).Card()!;
        Assert.Equal(["negative", "positive"], card.Labels!);
        Assert.Equal((Pooling.Mean, false, 24, true), (card.Pooling, card.Pairs, card.MaxLength, card.Tokenizer));
        Assert.Equal(new TrainedColumns("sentence", null, "label"), card.Columns);

        var loaded = LoadedModel.Open(folder.Model, saved);
        Assert.Equal((24, Pooling.Mean), (loaded.MaxLength(), loaded.Model.Model.Card.Pooling));
        Assert.Equal(["negative", "positive"], loaded.Labels);
        using var batch = Rows(TextDataset.Load(folder.Dev)).CreateBatch([0, 1, 2]);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var (before, after) = (model.Forward(batch, model.Select("default")).Logits, loaded.Model.Forward(batch, loaded.Selection).Logits);
        Assert.True(before.bytes.SequenceEqual(after.bytes));
    }

    [Fact]
    public void The_rows_of_a_head_are_put_in_the_order_that_is_asked_for()
    {
        var own = folder.File_("own-head");
        ModelWriter.Write(
            ModelLoader.Create(ModelConfig.Read(folder.Model), null, new() { Task = TaskKind.Classification, Labels = ["yes", "No"] }),
            own);
        var (first, other) =
            (ModelLoader.Load(own), ModelLoader.Load(own, new() { Task = TaskKind.Classification, Labels = ["no", "yes"] }));
        Assert.Empty(other.Created);
        Assert.Equal(["yes", "No"], first.Labels);
        using var batch = Rows(TextDataset.Load(folder.Dev)).CreateBatch([0, 1]);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var (a, b) = (first.Forward(batch, new ForwardContext()).Logits, other.Forward(batch, new ForwardContext()).Logits);
        Assert.True(a.flip(1).bytes.SequenceEqual(b.contiguous().bytes));
        Assert.Contains(
            "classifier.weight", ModelLoader.Load(own, new() { Task = TaskKind.Classification, Labels = ["no", "maybe"] }).Created);
        Assert.Contains(
            "classifier.weight", ModelLoader.Load(own, new() { Task = TaskKind.TokenClassification, Labels = ["yes", "No"] }).Created);
    }

    [Fact]
    public void An_answer_that_is_no_number_is_an_error_that_names_the_row()
    {
        var model = Model("no", "yes");
        using (no_grad()) model.Model.Sites.Slots.Single(s => s.Name == "classifier.bias").Value.fill_(float.NaN);
        var rows = Rows(TextDataset.Load(folder.Dev));
        Assert.Contains(
            "dev.tsv, line ", Assert.Throws<PeftException>(() => new Evaluator(model, AdapterSelection.None, rows).Outputs()).Message);
    }
}
