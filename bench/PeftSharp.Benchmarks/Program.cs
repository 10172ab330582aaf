using PeftSharp.Benchmarks;
using PeftSharp.Interop;

// Speed as ratios, measured side by side in one run:
//   step MODEL          one LoRA training step against the matrix-product peak, per precision, base dropout on and off
//   nf4 MODEL           the same step over NF4 weights against dense ones
//   tokenize MODEL FILE words per second
if (args.Length < 2 || args[0] is not ("step" or "nf4" or "tokenize"))
{
    Console.Error.WriteLine("usage: step MODEL | nf4 MODEL | tokenize MODEL FILE");
    return 2;
}
LibTorch.EnsureLoaded();
TorchThreads.Configure();
switch (args[0])
{
    case "step": StepBench.Run(args[1]); break;
    case "nf4": StepBench.RunNf4(args[1]); break;
    default: TokenizeBench.Run(args[1], args[2]); break;
}
return 0;
