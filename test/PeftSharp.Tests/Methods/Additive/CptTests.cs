using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Cpt;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Additive;

/// <summary>Context-aware prompt tuning as peft defines it, against plain tensors: what is read, the loss, what may move how far.</summary>
public sealed class CptTests
{
    // Two examples: format, text, text, format, label; then format, text, label, label.
    private static readonly CptOptions Options = new()
    {
        TokenIds = [9, 40, 7, 55, 21, 8, 33, 60, 12],
        Types = [1, 2, 2, 3, 4, 5, 6, 8, 8],
        WeightedLoss = "decay",
        DecayFactor = 0.5,
        InputEpsilon = 0.4,
        FormatEpsilon = 0.2,
    };

    [Theory]
    [InlineData("gemma", "decay", false)]
    [InlineData("gpt2", "decay", false)]
    [InlineData("gpt2", "none", false)]
    [InlineData("gpt2", "decay", true)]
    public void The_Loss_Is_The_Mean_Over_The_Labels_Of_Context_And_Rows(string architecture, string weights, bool padsLeft)
    {
        using var bench = Bench(architecture);
        var adapter = Moved(bench, bench.Add(Options with { WeightedLoss = weights }));
        var batch = Batch(padsLeft);
        var step = new StepState(0, 0, 1, 1, 0.1);
        var loss = new TrainableAdapter(bench.Peft, adapter, new() { BaseDropout = false }).Loss(batch, step);

        // peft: labels of the context's ids where types are labels, before those of the rows; logits one place earlier; weights by example.
        int[] ids = [.. Options.TokenIds!], types = [.. Options.Types!];
        double[] factor = weights == "none" ? [1, 1] : [0.25, 0.5];
        var call = new ForwardContext { Selection = AdapterSelection.Of(adapter.Tag), AllTokens = true };
        var hidden = bench.Peft.Model.Forward(batch, call).Hidden!;
        var logits = bench.Peft.Model.Head.Forward(hidden, null, new ForwardContext()).log_softmax(-1);
        var (sum, count) = (zeros([], ScalarType.Float64), 0);
        for (var row = 0; row < batch.Rows; row++)
        {
            var lead = padsLeft ? (int)batch.AttentionMask[row].eq(0).sum().item<long>() : 0;
            for (var place = 1; place < ids.Length; place++)
            {
                if (types[place] % 4 != 0) continue;
                sum = sum - factor[types[place] / 4 - 1] * logits[row, lead + place - 1, ids[place]];
                count++;
            }
            for (var token = 0; token < batch.Tokens; token++)
            {
                if (batch.Labels![row, token].item<long>() is var label && label < 0) continue;
                sum = sum - logits[row, ids.Length + token - 1, label];
                count++;
            }
        }
        Assert.Equal(count, loss.Weight);
        var expected = sum / count;
        Assert.Equal(expected.item<double>(), loss.Mean.item<double>(), 1e-10);
        Tensor Gradient(Tensor of)
        {
            of.Backpropagate();
            var gradient = adapter.Tensors[0].Value.grad!.clone();
            adapter.Tensors[0].Value.grad = null;
            return gradient;
        }
        Bits.AssertClose(Gradient(expected), Gradient(loss.Mean), 1e-10, "The gradient");
        Tensor Mean(bool checkpointing) => new TrainableAdapter(
            bench.Peft, adapter, new() { BaseDropout = false, Checkpointing = checkpointing }).Loss(batch, step).Mean;
        Bits.AssertClose(Gradient(Mean(true)), Gradient(Mean(false)), 1e-12, "The checkpointed gradient");
        // Scoring is of the rows alone.
        var scored = bench.Peft.Model.Loss(batch, new ForwardContext { Selection = AdapterSelection.Of(adapter.Tag) });
        Assert.Equal(count - 3 * batch.Rows, scored.Weight);
    }

    [Fact]
    public void A_Batch_In_Parts_Gives_The_Gradient_Of_The_Whole()
    {
        using var bench = Bench("gpt2");
        var adapter = Moved(bench, bench.Add(Options));
        var model = new TrainableAdapter(bench.Peft, adapter, new() { BaseDropout = false });
        var step = new StepState(0, 0, 1, 1, 0.1);
        Tensor Of(IReadOnlyList<TokenBatch> parts)
        {
            var losses = parts.Select(part => model.Loss(part, step)).ToList();
            foreach (var (mean, weight) in losses) (mean * weight / losses.Sum(l => l.Weight)).Backpropagate();
            var gradient = adapter.Tensors[0].Value.grad!.clone();
            adapter.Tensors[0].Value.grad = null;
            return gradient;
        }
        var batch = Batch();
        var whole = Of([batch]);
        Bits.AssertClose(whole, Of(batch.Split(20)), 1e-12, "The gradient");
        // Labels of the context get none, whatever asks them to move.
        for (var place = 0; place < 9; place++)
            Assert.Equal(Options.Types![place] % 4 == 0, whole[place].abs().sum().item<double>() == 0);
    }

    [Fact]
    public void Vectors_Move_As_Far_As_They_May_And_Labels_Do_Not()
    {
        using var bench = Bench("gpt2", ScalarType.Float32);
        var before = bench.BaseTensors();
        var adapter = bench.Add(Options);
        using (var trainer = new Trainer(new TrainableAdapter(bench.Peft, adapter), new One(), new() { LearningRate = 0.3, MaxSteps = 4 }))
            trainer.Run();
        Bits.AssertSame(before, bench.BaseTensors());
        var delta = adapter.Tensors.Single().Value.detach();
        for (var place = 0; place < 9; place++)
        {
            var reach = (Options.Types![place] % 4) switch { 0 => 0, 2 => 0.4, _ => 0.2 } * Math.Sqrt(32 / 2048.0);
            Assert.Equal(reach, delta[place].norm().item<float>(), 1e-6);
        }
    }

    [Fact]
    public void Files_Hold_The_Vectors_As_They_Ended()
    {
        using var folder = new TempFolder();
        using Bench bench = Bench("gemma", ScalarType.Float32), fresh = Bench("gemma", ScalarType.Float32);
        var adapter = Moved(bench, bench.Add(Options));
        AdapterFolder.Save(adapter, folder.Root);
        using (var file = SafetensorsFile.Open(folder.File("adapter_model.safetensors")))
        {
            Assert.Equal(["prompt_embeddings"], file.Tensors.Keys);
            using var vectors = file.Read("prompt_embeddings");
            using var sum = adapter.Frozen[0].Value + adapter.Tensors[0].Value.detach();
            Bits.AssertSame(sum, vectors, "The vectors");
        }
        var loaded = AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft);
        using var batch = Batch();
        Bits.AssertSame(
            bench.Logits(batch, AdapterSelection.Of(adapter.Tag)), fresh.Logits(batch, AdapterSelection.Of(loaded.Tag)), "The answer");
        Assert.Equal("CAUSAL_LM", loaded.Options.TaskType);
        // As in peft, it starts anew from there.
        Assert.Equal(0, loaded.Tensors[0].Value.abs().sum().item<float>());
        Assert.Equal(2, Directory.GetFiles(folder.Root).Length);
    }

    [Fact]
    public void What_Makes_No_Sense_Is_Refused()
    {
        using var classes = new Bench("llama");
        Assert.Contains("this one answers SEQ_CLS", Assert.Throws<PeftException>(() => classes.Add(Options)).Message);
        Assert.Equal(0, classes.Plugins);
        using var bench = Bench("gemma");
        string Refused(CptOptions options) => Assert.Throws<PeftException>(() => bench.Add(options)).Message;
        Assert.Contains("\"cpt_token_ids\" is null", Refused(new()));
        Assert.Contains("a type for each of 9 tokens", Refused(Options with { Types = [1, 2, 4] }));
        Assert.Contains("else no row's label counts", Refused(Options with { Types = [1, 2, 2, 3, 4, 5, 6, 7, 7] }));
        Assert.Contains("\"cpt_prompt_init\" is \"RANDOM\"", Refused(Options with { Init = "RANDOM" }));
        Assert.Contains("vocabulary has the ids 0 to 96", Refused(Options with { TokenIds = [9, 40, 7, 55, 21, 8, 33, 60, 97] }));
        Assert.Contains("above 0, at most 1", Refused(Options with { DecayFactor = 2 }));
    }

    private static Bench Bench(string architecture, ScalarType precision = ScalarType.Float64) =>
        new(architecture, new ModelOptions { Task = TaskKind.CausalLanguage, Precision = precision });

    private static PeftMethod Moved(Bench bench, PeftMethod adapter)
    {
        using var guard = no_grad();
        adapter.Tensors[0].Value.add_(Initial.Normal(adapter.Tensors[0].Value.shape, 0.3, 5).to(bench.Peft.Model.Precision));
        adapter.AfterStep(new StepState(0, 0, 1, 1, 0.1));
        return adapter;
    }

    private static TokenBatch Batch(bool padsLeft = false)
    {
        using var all = TinyModels.Batch();
        var (ids, mask) = (all.InputIds.clone(), all.AttentionMask.clone());
        if (padsLeft) (ids, mask) = (ids.flip(1), mask.flip(1));
        var answers = arange(9, ScalarType.Int64).ge(padsLeft ? 6 : 3).to(ScalarType.Int64) * mask;
        return new()
        {
            InputIds = ids,
            AttentionMask = mask,
            Labels = where(answers.eq(1), ids, tensor(-100L)),
            RealTokens = (int)mask.sum().item<long>(),
        };
    }

    private sealed class One : IBatchSource
    {
        public int Examples => 4;

        public int BatchesPerEpoch => 1;

        public TokenBatch Batch(int epoch, int index) => CptTests.Batch();
    }
}
