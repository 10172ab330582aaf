using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Runs.Identity;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using PeftSharp.Training.Resume;

namespace PeftSharp.Tests.Runs.Identity;

/// <summary>Whatever changes a run's numbers is part of its identity, by name; where its files lie is not.</summary>
public sealed class RunIdentityTests
{
    [Fact]
    public void The_Same_Run_Has_The_Same_Identity()
    {
        Of().Require(Of(), "checkpoint-1");
        var data = Rows("a b", "c");
        using var model = new Bench("bert");
        var (elsewhere, here) =
            (model.Peft.Add(new LoraOptions { BaseModel = "elsewhere" }, "a"), model.Peft.Add(new LoraOptions { BaseModel = "here" }, "b"));
        RunFingerprint Identity(PeftMethod adapter) =>
            RunIdentity.Of(model.Peft, adapter, new(), new(data.Lengths, 2, BatchOrder.Bucketed, 1), data);
        Identity(elsewhere).Require(Identity(here), "checkpoint-1");
    }

    [Fact]
    public void Each_Difference_Is_Named()
    {
        var saved = Of();
        void Refused(RunFingerprint here, string expected) =>
            Assert.Contains(expected, Assert.Throws<PeftException>(() => saved.Require(here, "checkpoint-1")).Message);
        Refused(Of(MethodRegistry.Options("bitfit")), "with method LORA, but this run has BITFIT;");
        Refused(Of(new LoraOptions { Rank = 4 }), "with r 8, but this run has 4;");
        Refused(Of(new LoraOptions { UseDora = true }), "with use_dora false, but this run has true;");
        Refused(Of(trainer: new() { Seed = 7 }), "with seed 42, but this run has 7;");
        Refused(Of(trainer: new() { Optimizer = "sgd" }), "with optim");
        Refused(Of(trainer: new() { Epochs = 4 }), "with num_train_epochs 3, but this run has 4;");
        Refused(Of(trainer: new() { Accumulation = 2 }), "with gradient_accumulation_steps 1, but this run has 2;");
        Refused(Of(order: BatchOrder.Shuffled), "with batch_order bucketed, but this run has shuffled;");
        Refused(Of(batch: 3), "with per_device_train_batch_size 2, but this run has 3;");
        Refused(Of(forward: new() { BaseDropout = false }), "with base_dropout true, but this run has false;");
        Refused(Of(forward: new() { Checkpointing = true }), "with gradient_checkpointing false");
        Refused(Of(train: Rows("a b", "c", "d")), "with training data 2 rows, 3 tokens, SHA-256");
        Refused(Of(train: Rows("a b", "d")), "with training data 2 rows, 3 tokens, SHA-256");
        Refused(Of(train: Rows("c", "a b")), "with training data 2 rows, 3 tokens, SHA-256");
        Refused(Of(held: Rows("a")), "with held-out data none, but this run has 1 rows, 1 tokens");
        Refused(Of(metric: "f1"), "with metric_for_best_model not set, but this run has f1;");
        Refused(Of(architecture: "roberta"), "with base model bert");
        Refused(Of(compute: ComputeType.BFloat16), "with precision of frozen weights dense, but this run has bf16");
    }

    private static RunFingerprint Of(
        MethodOptions? method = null, TrainerOptions? trainer = null, BatchOrder order = BatchOrder.Bucketed, int batch = 2,
        ForwardOptions? forward = null,
        TokenizedDataset? train = null, TokenizedDataset? held = null, string? metric = null, string architecture = "bert",
        ComputeType compute = ComputeType.Float32)
    {
        train ??= Rows("a b", "c");
        using var bench = new Bench(architecture);
        var model = compute == ComputeType.Float32
            ? bench.Peft
            : new PeftModel(
                ModelLoader.Load(
                    TestPaths.Fixture("models", "bert"),
                    new ModelOptions { Task = TaskKind.Classification, Labels = ["a", "b"], Compute = compute }));
        return RunIdentity.Of(
            model, model.Add(method ?? new LoraOptions { Rank = 8 }), trainer ?? new(), new(train.Lengths, batch, order, 42), train, held,
            forward, metric);
    }

    // A letter is a token.
    private static TokenizedDataset Rows(params string[] texts) => TokenizedDataset.Create(
        new(
            [.. texts.Select((t, i) => new Example(t, null, i % 2, float.NaN, i + 1))], LabelKind.Class, new LabelMap(["no", "yes"]),
            "memory"),
        new Letters(), 8);

    private sealed class Letters : ITextEncoder
    {
        public int PadId => 0;

        public EncodedText Encode(string text, string? pair, int maxLength) => new([.. text.Split(' ').Select(w => (int)w[0])], null);
    }
}
