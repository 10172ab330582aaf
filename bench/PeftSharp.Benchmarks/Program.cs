using PeftSharp.Benchmarks;
using PeftSharp.Interop;

CompactHeap.Ensure();
var chosen = BenchCommand.All.FirstOrDefault(command => args.Length > 0 && command.Name == args[0]);
if (chosen is null || args.Length <= chosen.Needed)
{
    Console.Error.WriteLine("Speed as ratios, measured side by side in one run, and memory in a process of its own. One of:");
    foreach (var command in chosen is null ? BenchCommand.All : [chosen])
        Console.Error.WriteLine($"  {command.Name} {command.Usage}\n      {command.About}");
    return 2;
}
// What is resident before libtorch is part of what "memory" shows.
if (chosen.Name != "memory") LibTorch.EnsureLoaded();
TorchThreads.Configure();
return chosen.Run(new BenchWords(args));
