using PeftSharp.Cli.Terminal;
using PeftSharp.Data;
using PeftSharp.Runs.Estimates;

namespace PeftSharp.Cli.Training;

/// <summary>What to change about a run that would not fit.</summary>
internal static class Advice
{
    public static string OnMemory(TrainSettings settings, bool full, long needed, MachineMemory machine)
    {
        var changes = new List<string>();
        if (settings.TokensPerPass == 0) changes.Add($"set --tokens-per-pass ({TokenBatch.TokensPerPass}, for example)");
        else changes.Add($"lower --tokens-per-pass ({settings.TokensPerPass})");
        if (settings.BatchSize > 1) changes.Add($"lower --batch-size ({settings.BatchSize})");
        if (!settings.Checkpointing) changes.Add("add --checkpointing");
        if (full) changes.Add("train an adapter (--method lora)");
        else if (settings.Quantize is null) changes.Add("add --quantize nf4");
        var why = machine.Limit is { } limit ? $" under this process's limit of {Format.Bytes(limit)}" : " on this machine";
        return $"The run is expected to need {Format.Bytes(needed)} of memory, and {Format.Bytes(machine.Bytes)} are available{why}: {string.Join(", or ", changes)}.";
    }
}
