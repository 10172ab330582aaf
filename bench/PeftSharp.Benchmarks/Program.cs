using PeftSharp.Benchmarks;
using PeftSharp.Interop;

// Speed as ratios, measured side by side in one run:
//   step MODEL          one LoRA training step against the matrix-product peak, per precision, base dropout on and off
//   nf4 MODEL           the same step over NF4 weights against dense ones
//   qlora MODEL [fp32|bf16] [ROUNDS] a LoRA step over quantised weights against one over dense ones, layers recomputed in both
//   load-memory MODEL [FORM] what resident memory grows by while a model is loaded quantised (a process of its own)
//   synthetic-llama FOLDER SIZE writes a Llama of random weights as shards
//   train-memory FOLDER lora|qlora [fp32|bf16] [ROWS] [TOKENS] [STEPS] [RANK] [OPTIMIZER] peak memory of some steps (a process of its
//                own; lora-plain, qlora-plain: no checkpointing)
//   score-memory MODEL [EXAMPLES] [TOKENS] peak memory of choosing weights by importance (a process of its own)
//   sparse-step MODEL [KEEP] [ROWS] [TOKENS] [ROUNDS] a step of sparse training, kept entries' gradients against whole tensors'
//   entry-dots [ROUNDS] single entries of a gradient one by one against the product of all, by the share of entries
//   step-memory MODEL METHOD [fp32|bf16] [ROWS] [TOKENS] [PASS] [recompute] peak memory of a step of a classifier (a process of its own)
//   memory MODEL DATA [fp32|bf16] resident memory after each phase of an SST-2 run (a process of its own each time)
//   serve MODEL [CALLS] memory and answers of many calls from eight threads while adapters come and go
//   serve-rows MODEL [ROUNDS] 32 rows with 1 to 32 adapters, as multiples of 32 rows with one
//   shelf MODEL fp32|bf16 NAME=ADAPTER=DATA … adapters of several tasks on one base: answers and scores alone, in turn, mixed by row
//   adapter-drop MODEL [ROUNDS] a training step and an answer with the lowest layers free of adapters, as shares of those with all
//   resident MODEL METHOD [ROUNDS] 1 to 1,000 adapters on one base: memory of one, time to switch, 32 rows with 32 of them
//   causal MODEL [ROUNDS [VARIANT]] a decoder's LoRA step on 4 × 256 tokens against the matrix-product peak
//   decode MODEL [TOKENS [THREADS]] a decoder's next token against the time of reading its weights once
//   tokenize MODEL FILE words per second
// And how readers stand damaged files:
//   mutate FIXTURES [COUNT] [SEED] a million damaged inputs over every parser; FIXTURES is test/PeftSharp.Tests/fixtures
CompactHeap.Ensure();
if (args is ["mutate", var fixtures, ..])
{
    LibTorch.EnsureLoaded();
    return MutationBench.Run(fixtures, args.Length > 2 ? int.Parse(args[2]) : 1_000_000, args.Length > 3 ? int.Parse(args[3]) : 1);
}
if (args is ["entry-dots", ..])
{
    LibTorch.EnsureLoaded();
    TorchThreads.Configure();
    EntryDotsBench.Run(args.Length > 1 ? int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture) : 15);
    return 0;
}
if (args is ["synthetic-llama" or "load-memory" or "train-memory" or "step-memory" or "shelf" or "qlora" or "score-memory"
    or "sparse-step", var target, ..])
{
    LibTorch.EnsureLoaded();
    TorchThreads.Configure();
    string Word(int at, string usual) => args.Length > at ? args[at] : usual;
    int Whole(int at, int usual) => args.Length > at ? int.Parse(args[at], System.Globalization.CultureInfo.InvariantCulture) : usual;
    switch (args[0])
    {
        case "synthetic-llama": SyntheticLlama.Write(target, Word(2, "10M")); break;
        case "load-memory": LoadMemoryBench.Run(target, Word(2, "nf4")); break;
        case "score-memory": ScoreMemoryBench.Run(target, Whole(2, 3), Whole(3, 40)); break;
        case "sparse-step":
            SparseStepBench.Run(
                target, double.Parse(Word(2, "0.005"), System.Globalization.CultureInfo.InvariantCulture), Whole(3, 32), Whole(4, 40),
                Whole(5, 9));
            break;
        case "qlora": QloraBench.Run(target, Word(2, "fp32"), Whole(3, 7)); break;
        case "step-memory":
            StepMemoryBench.Run(
                target, Word(2, "lst"), Word(3, "fp32"), Whole(4, 32), Whole(5, 128), Whole(6, 0), args.Contains("recompute"));
            break;
        case "shelf": ShelfBench.Run(target, args.Skip(3), Word(2, "fp32")); break;
        default:
            TrainMemoryBench.Run(
                target, Word(2, "qlora"), Word(3, "fp32"), Whole(4, 1), Whole(5, 512), Whole(6, 3), Whole(7, 16), Word(8, ""));
            break;
    }
    return 0;
}
string[] known = ["step", "nf4", "memory", "serve", "serve-rows", "adapter-drop", "resident", "causal", "decode", "tokenize"];
string[] needModelOnly = ["step", "nf4", "serve", "serve-rows", "adapter-drop", "causal", "decode"];
if (args.Length == 0 || args.Length < (needModelOnly.Contains(args[0]) ? 2 : 3) || !known.Contains(args[0]))
{
    Console.Error.WriteLine(
        "usage: step MODEL | nf4 MODEL | memory MODEL DATA [fp32|bf16] | serve MODEL [CALLS] | serve-rows MODEL [ROUNDS] | adapter-drop "
        + "MODEL [ROUNDS] | "
        + "causal MODEL [ROUNDS [VARIANT]] | decode MODEL [TOKENS [THREADS]] | "
        + "qlora MODEL [fp32|bf16] [ROUNDS] | load-memory MODEL [FORM] | synthetic-llama FOLDER SIZE | "
        + "score-memory MODEL [EXAMPLES] [TOKENS] | sparse-step MODEL [KEEP] [ROWS] [TOKENS] [ROUNDS] | entry-dots | "
        + "step-memory MODEL METHOD [fp32|bf16] [ROWS] [TOKENS] [PASS] [recompute] | shelf MODEL fp32|bf16 NAME=ADAPTER=DATA … | "
        + "train-memory FOLDER lora|qlora, -plain behind it without checkpointing, [fp32|bf16] [ROWS] [TOKENS] [STEPS] [RANK] "
        + "[OPTIMIZER] | "
        + "resident MODEL METHOD [ROUNDS] | tokenize MODEL FILE | mutate FIXTURES [COUNT] [SEED]");
    return 2;
}
int Rounds(int at, int fallback) => args.Length > at ? int.Parse(args[at], System.Globalization.CultureInfo.InvariantCulture) : fallback;
if (args[0] != "memory") LibTorch.EnsureLoaded();
TorchThreads.Configure();
switch (args[0])
{
    case "step": StepBench.Run(args[1]); break;
    case "nf4": StepBench.RunNf4(args[1]); break;
    case "serve":
        ServeBench.Run(
        args[1], args.Length > 2 ? int.Parse(args[2], System.Globalization.CultureInfo.InvariantCulture) : 10_000); break;
    case "serve-rows":
        ServeRowsBench.Run(
        args[1], args.Length > 2 ? int.Parse(args[2], System.Globalization.CultureInfo.InvariantCulture) : 20); break;
    case "causal": DecoderBench.Step(args[1], Rounds(2, 5), args.ElementAtOrDefault(3)); break;
    case "decode": DecodeBench.Run(args[1], Rounds(2, 64), args.Length > 3 ? Rounds(3, 1) : null); break;
    case "adapter-drop": AdapterDropBench.Run(args[1], Rounds(2, 9)); break;
    case "resident": ResidentBench.Run(args[1], args[2], Rounds(3, 9)); break;
    case "memory": MemoryBench.Run(args[1], args[2], args.Length > 3 ? args[3] : "bf16"); break;
    default: TokenizeBench.Run(args[1], args[2]); break;
}
return 0;
