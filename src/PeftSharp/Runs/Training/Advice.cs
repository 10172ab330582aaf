using PeftSharp.Data;
using PeftSharp.Runs.Estimates;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Runs.Training;

/// <summary>What to change about a run that would not fit.</summary>
internal static class Advice
{
    public static string OnMemory(TrainSettings settings, bool full, long needed, MachineMemory machine)
    {
        var caller = settings.Caller;
        var changes = new List<string>();
        if (settings.TokensPerPass == 0)
            changes.Add($"set {caller.Setting("max_tokens_per_pass")} ({TokenBatch.TokensPerPass}, for example)");
        else changes.Add($"lower {caller.Setting("max_tokens_per_pass")} ({settings.TokensPerPass})");
        if (settings.BatchSize > 1) changes.Add($"lower {caller.Setting("per_device_train_batch_size")} ({settings.BatchSize})");
        if (!settings.Checkpointing) changes.Add($"add {caller.Setting("gradient_checkpointing", "true")}");
        if (full) changes.Add($"train an adapter ({caller.Setting("method", "lora")})");
        else if (settings.Quantize is null) changes.Add($"add {caller.Setting("quantization", "nf4")}");
        var why = machine.Limit is { } limit ? $" under this process's limit of {Figures.Bytes(limit)}" : " on this machine";
        return $"The run is expected to need {Figures.Bytes(needed)} of memory, and {Figures.Bytes(machine.Bytes)} are available{why}: "
            + $"{string.Join(", or ", changes)}.";
    }
}
