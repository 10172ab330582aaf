namespace PeftSharp.Benchmarks;

/// <summary>One benchmark: what it is called with, what it measures, and how it is run.</summary>
/// <param name="Name">First word of the command line.</param>
/// <param name="Needed">Words that must follow.</param>
/// <param name="Usage">All words that may.</param>
/// <param name="About">What it measures.</param>
/// <param name="Run">Runs it; the program's exit code.</param>
internal sealed record BenchCommand(string Name, int Needed, string Usage, string About, Func<BenchWords, int> Run)
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<BenchCommand> All { get; } =
    [
        Of("step", 1, "MODEL", "one LoRA step against the matrix-product peak, per precision, base dropout on and off",
            w => StepBench.Run(w.Text(1))),
        Of("products", 1, "MODEL [ROUNDS]", "products of a model's maps by MKL and by oneDNN, operands as they lie and packed beforehand",
            w => ProductsBench.Run(w.Text(1), w.Whole(2, 25))),
        Of("nf4", 1, "MODEL", "the same step over NF4 weights against dense ones", w => StepBench.RunNf4(w.Text(1))),
        Of("qlora", 1, "MODEL [fp32|bf16] [ROUNDS]", "a LoRA step over quantised weights against dense ones, layers recomputed in both",
            w => QloraBench.Run(w.Text(1), w.Text(2, "fp32"), w.Whole(3, 7))),
        Of("optimizers", 0, "[MILLIONS] [ROUNDS]", "an update of AdamW with its state in memory, in a mapped file and in eight bits",
            w => OptimizersBench.Run(w.Whole(1, 20), w.Whole(2, 15))),
        Of("merge", 1, "MODEL [ROUNDS]", "a LoRA on every linear map merged into dense and four-bit weights, and taken out again",
            w => MergeBench.Run(w.Text(1), w.Whole(2, 5))),
        Of("load-memory", 1, "MODEL [FORM]", "what resident memory grows by while a model is loaded quantised",
            w => LoadMemoryBench.Run(w.Text(1), w.Text(2, "nf4"))),
        Of("synthetic-llama", 1, "FOLDER SIZE", "writes a Llama of random weights as shards",
            w => SyntheticLlama.Write(w.Text(1), w.Text(2, "10M"))),
        Of("train-memory", 1, "FOLDER lora|qlora [fp32|bf16] [ROWS] [TOKENS] [STEPS] [RANK] [OPTIMIZER]",
            "peak memory of some steps; lora-plain, qlora-plain: no checkpointing",
            w => TrainMemoryBench.Run(
                w.Text(1), w.Text(2, "qlora"), w.Text(3, "fp32"), w.Whole(4, 1), w.Whole(5, 512), w.Whole(6, 3), w.Whole(7, 16),
                w.Text(8))),
        Of("score-memory", 1, "MODEL [EXAMPLES] [TOKENS]", "peak memory of choosing weights by importance",
            w => ScoreMemoryBench.Run(w.Text(1), w.Whole(2, 3), w.Whole(3, 40))),
        Of("sparse-step", 1, "MODEL [KEEP] [ROWS] [TOKENS] [ROUNDS]",
            "a step of sparse training, kept entries' gradients against whole tensors'",
            w => SparseStepBench.Run(w.Text(1), w.Number(2, 0.005), w.Whole(3, 32), w.Whole(4, 40), w.Whole(5, 9))),
        Of("entry-dots", 0, "[ROUNDS]", "single entries of a gradient one by one against the product of all, by the share of entries",
            w => EntryDotsBench.Run(w.Whole(1, 15))),
        Of("step-memory", 1, "MODEL METHOD [fp32|bf16] [ROWS] [TOKENS] [PASS] [recompute]", "peak memory of a step of a classifier",
            w => StepMemoryBench.Run(
                w.Text(1), w.Text(2, "lst"), w.Text(3, "fp32"), w.Whole(4, 32), w.Whole(5, 128), w.Whole(6, 0), w.Has("recompute"))),
        Of("memory", 2, "MODEL DATA [fp32|bf16]", "resident memory after each phase of an SST-2 run",
            w => MemoryBench.Run(w.Text(1), w.Text(2), w.Text(3, "bf16"))),
        Of("serve", 1, "MODEL [CALLS]", "memory and answers of many calls from eight threads while adapters come and go",
            w => ServeBench.Run(w.Text(1), w.Whole(2, 10_000))),
        Of("serve-rows", 1, "MODEL [ROUNDS]", "32 rows with 1 to 32 adapters, as multiples of 32 rows with one",
            w => ServeRowsBench.Run(w.Text(1), w.Whole(2, 20))),
        Of("shelf", 1, "MODEL fp32|bf16 NAME=ADAPTER=DATA …",
            "adapters of several tasks on one base: answers and scores alone, in turn, by row",
            w => ShelfBench.Run(w.Text(1), w.From(3), w.Text(2, "fp32"))),
        Of("adapter-drop", 1, "MODEL [ROUNDS]",
            "a step and an answer with the lowest layers free of adapters, as shares of those with all",
            w => AdapterDropBench.Run(w.Text(1), w.Whole(2, 9))),
        Of("resident", 2, "MODEL METHOD [ROUNDS]",
            "1 to 1,000 adapters on one base: memory of one, time to switch, 32 rows with 32 of them",
            w => ResidentBench.Run(w.Text(1), w.Text(2), w.Whole(3, 9))),
        Of("causal", 1, "MODEL [ROUNDS [VARIANT]]", "a decoder's LoRA step on 4 × 256 tokens against the matrix-product peak",
            w => DecoderBench.Step(w.Text(1), w.Whole(2, 5), w.TextOrNull(3))),
        Of("decode", 1, "MODEL [TOKENS [THREADS]]", "a decoder's next token against the time of reading its weights once",
            w => DecodeBench.Run(w.Text(1), w.Whole(2, 64), w.WholeOrNull(3))),
        Of("tokenize", 2, "MODEL FILE", "words per second", w => TokenizeBench.Run(w.Text(1), w.Text(2))),
        new("mutate", 1, "FIXTURES [COUNT] [SEED]", "a million damaged inputs over every parser; FIXTURES is test/PeftSharp.Tests/fixtures",
            w => MutationBench.Run(w.Text(1), w.Whole(2, 1_000_000), w.Whole(3, 1))),
    ];

    private static BenchCommand Of(string name, int needed, string usage, string about, Action<BenchWords> run) =>
        new(name, needed, usage, about, words =>
        {
            run(words);
            return 0;
        });
}
