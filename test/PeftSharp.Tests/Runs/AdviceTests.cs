using PeftSharp.Cli;
using PeftSharp.Runs.Estimates;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Training;

namespace PeftSharp.Tests.Runs;

public sealed class AdviceTests
{
    private static readonly CommandLineCaller Command = new("train");

    [Fact]
    public void A_Run_That_Does_Not_Fit_Is_Told_What_To_Change()
    {
        Assert.Equal(
            "The run is expected to need 8.00 GB of memory, and 2.00 GB are available under this process's limit of 4.00 GB: lower "
            + "--tokens-per-pass (512), or lower --batch-size (32), or add --checkpointing, or add --quantize nf4.",
            Advice.OnMemory(
                new TrainSettings { Caller = Command, BatchSize = 32 }, false, 8L << 30, new MachineMemory(2L << 30, 4L << 30)));
        Assert.Equal(
            "The run is expected to need 8.00 GB of memory, and 2.00 GB are available on this machine: set --tokens-per-pass (512, for "
            + "example), or train an adapter (--method lora).",
            Advice.OnMemory(
                new TrainSettings { Caller = Command, BatchSize = 1, TokensPerPass = 0, Checkpointing = true }, true, 8L << 30,
                new MachineMemory(2L << 30, null)));
    }

    [Fact]
    public void A_Program_Is_Told_The_Keys_Of_Recipes() => Assert.EndsWith(
        "lower max_tokens_per_pass (512), or lower per_device_train_batch_size (32), or add gradient_checkpointing: true, or add "
        + "quantization: nf4.",
        Advice.OnMemory(new TrainSettings { BatchSize = 32 }, false, 8L << 30, new MachineMemory(2L << 30, null)));
}
