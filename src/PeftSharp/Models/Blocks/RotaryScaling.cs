using System.Text.Json.Nodes;

namespace PeftSharp.Models.Blocks;

/// <summary>The frequencies of rotary positions, and how they are stretched for sequences longer than those of pretraining.</summary>
internal sealed class RotaryScaling
{
    private readonly double _theta;
    private readonly int _dim;
    private readonly long _trained;
    private readonly long _fixedUpTo;
    private readonly Func<long, double[]> _frequencies;

    private RotaryScaling(double theta, int dim, long trained, JsonObject settings, ModelConfig config)
    {
        var file = config.File;
        (_theta, _dim, _trained) = (theta, dim, trained);
        var kind = Text(settings, "rope_type") ?? Text(settings, "type") ?? "default";
        double Number(string field, double? fallback = null) => Read(settings, field, file) ?? fallback
            ?? throw new PeftException($"{file}: the rotary type \"{kind}\" needs a number \"{field}\" beside it.");
        _frequencies = kind switch
        {
            "default" => _ => Plain(_theta),
            "linear" => _ => [.. Plain(_theta).Select(f => f / Number("factor"))],
            "dynamic" => length => Plain(Stretched(length, Number("factor"))),
            "llama3" =>
                _ =>
                    Llama3(
                        Number("factor"), Number("low_freq_factor"), Number("high_freq_factor"),
                        Number("original_max_position_embeddings")),
            "yarn" =>
                _ =>
                    Yarn(
                        Number("factor"), Number("beta_fast", 32), Number("beta_slow", 1),
                        Number("original_max_position_embeddings", _trained)),
            "longrope" or "su" => LongRope(config, settings),
            _ => throw new PeftException(
                $"{file}: the rotary type \"{kind}\" is not supported; supported are default, linear, dynamic, llama3, yarn and longrope."),
        };
        _fixedUpTo = kind switch
        {
            "dynamic" => trained,
            "longrope" or "su" => (long)Original(config, settings),
            _ => long.MaxValue,
        };
        // Dynamic scaling names the length of pretraining; the others name what they stretch it to.
        MaxTokens = kind == "dynamic" ? (long)(trained * Number("factor")) : trained;
        if (kind is "longrope" or "su") AttentionFactor = Read(settings, "attention_factor", file) ?? LongRopeFactor(config, settings);
        if (kind == "yarn") AttentionFactor = Number("attention_factor", 0.1 * Math.Log(Math.Max(1, Number("factor"))) + 1);
        _ = _frequencies(trained); // what is missing is said at once
    }

    /// <summary>What cosines and sines are multiplied by.</summary>
    public double AttentionFactor { get; } = 1;

    /// <summary>Longest sequence that the scaling is made for.</summary>
    public long MaxTokens { get; }

    /// <summary>True if sequences of so many tokens turn their first ones by the same angles as shorter sequences do.</summary>
    public bool IsFixedUpTo(long tokens) => tokens <= _fixedUpTo;

    /// <summary>Angle by which each pair is turned from one position to the next, headDim / 2 of them.</summary>
    /// <param name="length">Longest sequence of the call.</param>
    public double[] Frequencies(long length) => _frequencies(length);

    /// <summary>
    /// Reads the settings of either generation of configurations: <c>rope_parameters</c>, or <c>rope_theta</c> with <c>rope_scaling</c>.
    /// </summary>
    /// <param name="config">The model's configuration.</param>
    /// <param name="dim">Numbers of a head that are turned; even.</param>
    /// <param name="trained">Longest sequence of pretraining.</param>
    /// <param name="partial">True if a part of a head's numbers may be left as it is (<c>partial_rotary_factor</c>).</param>
    /// <param name="inner">The settings, where they do not stand under their usual names.</param>
    public static RotaryScaling Read(ModelConfig config, int dim, long trained, bool partial = false, JsonObject? inner = null)
    {
        var settings = inner ?? config.Node("rope_parameters") as JsonObject ?? config.Node("rope_scaling") as JsonObject ?? [];
        var share = Read(settings, "partial_rotary_factor", config.File) ?? config.Number("partial_rotary_factor", 1);
        if (!(share == 1 || partial && share is > 0 and < 1))
            throw new PeftException(
                $"{config.File}: field \"partial_rotary_factor\" is {share}; expected "
                + $"{(partial ? "a number above 0, and 1 at most" : "1, or none")}.");
        dim = (int)(dim * share);
        if (dim % 2 != 0)
            throw new PeftException($"{config.File}: {dim} numbers of a head take part in rotary positions; expected an even number.");
        var theta = Read(settings, "rope_theta", config.File) ?? config.Number("rope_theta", 10_000);
        if (!(theta > 1)) throw new PeftException($"{config.File}: \"rope_theta\" is {theta}; expected a number above 1.");
        return new(theta, dim, trained, settings, config);
    }

    private static string? Text(JsonObject settings, string field) =>
        settings[field] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private static double? Read(JsonObject settings, string field, string file)
    {
        if (settings[field] is null) return null;
        return settings[field] is JsonValue value && value.TryGetValue<double>(out var number) && double.IsFinite(number) && number > 0
            ? number
            : throw new PeftException(
                $"{file}: the rotary setting \"{field}\" is {settings[field]!.ToJsonString()}; expected a number above 0.");
    }

    private double[] Plain(double theta) => [.. Enumerable.Range(0, _dim / 2).Select(i => Math.Pow(theta, -2.0 * i / _dim))];

    // NTK-aware: the base grows with the sequence, once that is longer than in pretraining.
    private double Stretched(long length, double factor)
    {
        if (length <= _trained) return _theta;
        return _theta * Math.Pow(factor * length / _trained - (factor - 1), _dim / (_dim - 2.0));
    }

    // Llama 3.1: long waves are stretched, short ones are not, those between are blended.
    private double[] Llama3(double factor, double low, double high, double original)
    {
        return [.. Plain(_theta).Select(Scale)];

        double Scale(double frequency)
        {
            var wave = 2 * Math.PI / frequency;
            if (wave < original / high) return frequency;
            if (wave > original / low) return frequency / factor;
            var smooth = (original / wave - low) / (high - low);
            return (1 - smooth) * frequency / factor + smooth * frequency;
        }
    }

    // YaRN (Peng et al. 2023, arXiv 2309.00071): a ramp over the pairs from stretched to unchanged.
    private double[] Yarn(double factor, double fast, double slow, double original)
    {
        double Pair(double turns) => _dim * Math.Log(original / (turns * 2 * Math.PI)) / (2 * Math.Log(_theta));
        var first = Math.Max(Math.Floor(Pair(fast)), 0);
        var last = Math.Min(Math.Ceiling(Pair(slow)), _dim - 1);
        if (first == last) last += 0.001;
        return [.. Plain(_theta).Select(Blend)];

        double Blend(double frequency, int pair)
        {
            var stretched = Math.Clamp((pair - first) / (last - first), 0, 1);
            return frequency / factor * stretched + frequency * (1 - stretched);
        }
    }

    // LongRoPE (Ding et al. 2024, arXiv 2402.13753): each pair is stretched by a number of its own, of one list up to the length of
    // pretraining and of another beyond.
    private Func<long, double[]> LongRope(ModelConfig config, JsonObject settings)
    {
        var (near, far) = (Factors(config, settings, "short_factor"), Factors(config, settings, "long_factor"));
        var original = Original(config, settings);
        return length => [.. Plain(_theta).Zip(length > original ? far : near, (frequency, factor) => frequency / factor)];
    }

    private double LongRopeFactor(ModelConfig config, JsonObject settings)
    {
        var original = Original(config, settings);
        var factor = Read(settings, "factor", config.File) ?? _trained / original;
        return factor <= 1 ? 1 : Math.Sqrt(1 + Math.Log(factor) / Math.Log(original));
    }

    private double Original(ModelConfig config, JsonObject settings) =>
        Read(settings, "original_max_position_embeddings", config.File) ?? config.Number("original_max_position_embeddings", _trained);

    private double[] Factors(ModelConfig config, JsonObject settings, string field)
    {
        if (settings[field] is JsonArray list && list.Count == _dim / 2)
        {
            var factors =
                list.Select(entry => entry is JsonValue value && value.TryGetValue<double>(out var factor) ? factor : 0).ToArray();
            if (factors.All(factor => factor > 0 && double.IsFinite(factor))) return factors;
        }
        throw new PeftException(
            $"{config.File}: the rotary setting \"{field}\" is no list of {_dim / 2} numbers above 0, one a pair of numbers that "
            + "is turned.");
    }
}
