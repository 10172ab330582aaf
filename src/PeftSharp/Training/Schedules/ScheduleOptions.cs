namespace PeftSharp.Training;

/// <summary>What some schedules ask besides their steps.</summary>
internal sealed record ScheduleOptions
{
    /// <summary>
    /// Hugging Face's <c>num_cycles</c>: waves of <c>cosine</c> (default 0.5: down to 0), cycles of <c>cosine_with_restarts</c> (default
    /// 1).
    /// </summary>
    public double? Cycles { get; init; }

    /// <summary>Exponent of <c>polynomial</c>. Default 1.</summary>
    public double Power { get; init; } = 1;

    /// <summary>
    /// Where <c>polynomial</c> ends, as a factor of the peak rate: <c>lr_end</c> divided by the learning rate. Default 0
    /// (Hugging Face ends at the absolute rate 1e-7).
    /// </summary>
    public double EndFactor { get; init; }

    /// <summary>
    /// Hugging Face's <c>timescale</c> of <c>inverse_sqrt</c>, in steps. Default: the warm-up steps, or 10,000 without warm-up.
    /// </summary>
    public long? Timescale { get; init; }

    internal void Validate()
    {
        if (Cycles is { } cycles && !(cycles > 0)) throw Wrong("num_cycles", cycles, "more than 0");
        if (!(Power > 0)) throw Wrong("power", Power, "more than 0");
        if (EndFactor is not (>= 0 and < 1)) throw Wrong("end factor", EndFactor, "0 or more and less than 1");
        if (Timescale is < 1) throw Wrong("timescale", Timescale.Value, "at least 1");
    }

    private static PeftException Wrong(string name, double value, string expected) =>
        new($"The schedule option {name} is {value}; expected {expected}.");
}
