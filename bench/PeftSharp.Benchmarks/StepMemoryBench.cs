using PeftSharp.Composition;
using PeftSharp.Interop;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Runs.Recipes;
using PeftSharp.Training;

namespace PeftSharp.Benchmarks;

/// <summary>
/// Peak memory of some steps of a classifier by one method, as the trainer takes them; each method wants a process of its own.
/// </summary>
internal static class StepMemoryBench
{
    private const int Steps = 3;

    /// <param name="folder">A model.</param>
    /// <param name="method">A method by any of its names.</param>
    /// <param name="compute">fp32 or bf16.</param>
    /// <param name="rows">Rows of the batch.</param>
    /// <param name="tokens">Tokens of a row; none is padding.</param>
    /// <param name="pass">Tokens that go through at once; 0 for the whole batch.</param>
    /// <param name="checkpointing">True recomputes layers in the backward pass.</param>
    public static void Run(string folder, string method, string compute, int rows, int tokens, int pass, bool checkpointing)
    {
        using var model = new PeftModel(ModelLoader.Load(
            folder, new ModelOptions { Task = TaskKind.Classification, Labels = ["a", "b"], Compute = ComputeName.Parse(compute) }));
        var adapter = model.Add(MethodName.Options(method));
        var training = new TrainableAdapter(model, adapter, new ForwardOptions { Checkpointing = checkpointing });
        var batches = new RandomExamples(Steps, tokens, rows);
        var options = new TrainerOptions { MaxSteps = Steps, TokensPerPass = pass, Evaluation = EvaluationMoment.Never };
        NativeHeap.Trim();
        ResidentMemory.Reset();
        var loaded = ResidentMemory.Now;
        using (var trainer = new Trainer(training, batches, options)) trainer.Run();
        var peak = ResidentMemory.Peak;
        var variant = checkpointing ? $"{method}, recomputing layers" : method;
        Console.WriteLine(
            $"{variant,-26} {compute}, {rows} × {tokens} tokens, {(pass == 0 ? "at once" : $"{pass} at once")}: "
            + $"{training.Parameters.Sum(p => p.Value.numel()),12:N0} trained; loaded {loaded >> 20,4:N0} MB, peak {peak >> 20,5:N0} MB, "
            + $"a step {(peak - loaded) >> 20,5:N0} MB");
    }
}
