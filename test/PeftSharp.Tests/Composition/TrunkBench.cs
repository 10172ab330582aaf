using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Additive.Prefix;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Runs.Trunk;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Composition;

/// <summary>A tiny model with an adapter in its upper layer, rows of unequal length, and their trunk.</summary>
internal sealed class TrunkBench : IDisposable
{
    private static readonly int[] Lengths = [5, 9, 4, 9, 7, 3, 9, 6, 9, 8];
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly TempFolder _folder = new();
    private TrunkCache? _cache;

    public TrunkBench(string architecture, MethodOptions options, ModelOptions? model = null)
    {
        Model = new PeftModel(TinyModels.Create(architecture, model ?? new ModelOptions()));
        Adapter = Model.Add(options, seed: 11);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        // off its start
        foreach (var (tensor, i) in Adapter.Tensors.Select((t, i) => (t, i)))
            tensor.Value.add_(Initial.Normal(tensor.Value.shape, 0.05, 50 + (ulong)i));
        Data = Rows(3);
    }

    /// <summary>Other rows of the same lengths.</summary>
    public TokenizedDataset More() => Rows(4);

    private TokenizedDataset Rows(int seed)
    {
        var file = _folder.File($"rows-{seed}.jsonl");
        var random = new Random(seed);
        File.WriteAllLines(file, Lengths.Select((length, i) =>
            $$"""{"input_ids": [{{string.Join(", ", Enumerable.Range(0, length).Select(_ => random.Next(4, 97)))}}], "token_type_ids":"""
                + $$""" [{{string.Join(", ", Enumerable.Range(0, length).Select(t => t / 3 % 2))}}], "label": {{i % 3}}}"""));
        return TokenizedDataset.Create(TextDataset.Load(file), new Ids(), 40);
    }

    public PeftModel Model { get; }

    public PeftMethod Adapter { get; }

    public TokenizedDataset Data { get; }

    public AdapterSelection Selection => AdapterSelection.Of(Adapter.Tag);

    public string CacheFolder => _folder.File("cache");

    public TrunkPlan Plan => new(Model, Selection, [Data], CacheFolder);

    /// <summary>The trunk of batches of four rows in the order of the file, split as the trainer splits.</summary>
    public TrunkCache Cache(int tokensPerPass = 0) => _cache ??=
        TrunkCache.Build(Plan, new Dictionary<TokenizedDataset, TrunkBatches> { [Data] = new(Fours, tokensPerPass) });

    public static int[][] Fours => [.. Enumerable.Range(0, Lengths.Length).Chunk(4)];

    /// <summary>True if an adapter reads padded positions, which are padded further while the cache is built.</summary>
    public bool ReadsPadding => Adapter.Tag.NeedsPadding;

    public Tensor Logits(IRowBatches source, params int[] rows)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        using var batch = source.CreateBatch(rows);
        return Model.Forward(batch, Selection).Logits.MoveToOuterDisposeScope();
    }

    /// <summary>A training step's loss and gradients, dropout above the trunk included.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> Gradients(
        IRowBatches source, int[] rows, int quietLayers, bool checkpointing = false, bool training = true)
    {
        using var scope = NewDisposeScope();
        using var batch = source.CreateBatch(rows);
        var context = new ForwardContext
        {
            Selection = Selection,
            Training = training,
            Seed = 5,
            LayersWithoutDropout = quietLayers,
            Checkpointing = checkpointing,
        };
        var loss = Adapter.ComputeLoss(Forward(context), new LossCall(default, context, Forward)).Mean;
        BatchLoss Forward(ForwardContext call) => Model.Model.Loss(batch, call);
        loss.Backpropagate();
        List<(string, Tensor)> all = [("the loss", loss.detach().MoveToOuterDisposeScope())];
        foreach (var tensor in Adapter.Tensors)
        {
            all.Add((tensor.Name, (tensor.Value.grad ?? zeros_like(tensor.Value)).clone().MoveToOuterDisposeScope()));
            tensor.Value.grad = null;
        }
        return all;
    }

    /// <summary>A method in the upper layer alone, if it can be told so.</summary>
    public static MethodOptions Upper(MethodOptions options) => options switch
    {
        LoraOptions lora => lora with { LayersToTransform = new Layers([1]) },
        BottleneckOptions bottleneck => bottleneck with { LeaveOut = [0] },
        PrefixOptions prefix => prefix with { LeaveOut = [0] },
        UnionOptions union => union with { Parts = [.. union.Parts.Select(Upper)] },
        _ => options,
    };

    /// <summary>The bench, or null where the method acts in the lower layer whatever it is told.</summary>
    public static TrunkBench? Of(string architecture, string method, ModelOptions? model = null)
    {
        var bench = new TrunkBench(architecture, Upper(TinySettings.Of(method)), model);
        if (
            bench.Model.Model.RunsInParts
                && !bench.Model.Model.Sites.ActiveAt(bench.Adapter.Tag).Any(at => bench.Model.Model.Sites.LayerOf(at.Module) is -1 or 0))
            return bench;
        bench.Dispose();
        return null;
    }

    public void Dispose()
    {
        _cache?.Dispose();
        Model.Dispose();
        _folder.Dispose();
        _scope.Dispose();
    }

    private sealed class Ids : ITextEncoder
    {
        public int PadId => 3;

        public EncodedText Encode(string text, string? pair, int maxLength) => throw new InvalidOperationException("The rows hold ids.");
    }
}
