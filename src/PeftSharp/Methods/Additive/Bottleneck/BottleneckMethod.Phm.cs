using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

internal sealed partial class BottleneckMethod
{
    // Factors that all layers share, under AdapterHub's names; a pair where they are of low rank.
    private ITensorSource? _sharedRule, _sharedDown, _sharedUp;

    private void SharePhm(int width)
    {
        var (terms, size) = (options.PhmTerms, SizeOf(width, -1));
        if (width % terms != 0)
            throw new PeftException($"BOTTLENECK: \"phm_dim\" is {terms}; expected a divisor of the model's width, {width}.");
        if (options.SharedPhmWeight)
        {
            _sharedDown = PhmWeight("", "W_down", width / terms, size / terms);
            _sharedUp = PhmWeight("", "W_up", size / terms, width / terms);
        }
        if (options.SharedPhmRule) _sharedRule = PhmRule("", "phm_rule", options.PhmRuleDeviation, 1);
    }

    // A map of in × out: its weight, [out, in], and its bias.
    private (ITensorSource Weight, ITensorSource Bias) PhmMap(string path, string local, long input, long output, bool isUp)
    {
        var terms = options.PhmTerms;
        var rule = _sharedRule ?? PhmRule(path, $"{local}.phm_rule", 0.01, 0.01);
        var weight = (isUp ? _sharedUp : _sharedDown) ?? PhmWeight(path, $"{local}.W", input / terms, output / terms);
        ITensorSource bias = options.PhmBias
            ? Add(path, $"{local}.b", zeros(output), decay: false)
            : new NoBias(output, Host.Precision, Host.Device);
        return (new PhmWeight($"{path}.{local}", rule, weight), bias);
    }

    private ITensorSource PhmWeight(string path, string local, long input, long output)
    {
        var (terms, rank) = (options.PhmTerms, options.PhmRank);
        if (!options.FactorizedPhmWeight) return Xavier(path, local, terms, input, output);
        return new PhmProduct(Xavier(path, $"{local}_left", terms, input, rank), Xavier(path, $"{local}_right", terms, rank, output));
    }

    private AdapterTensor Xavier(string path, string local, long terms, long rows, long columns) => Add(
        path, local, [terms, rows, columns], () =>
            Initial.Normal([terms, rows, columns], Math.Sqrt(2.0 / (rows + columns)), SeedOf($"{path}.{local}")));

    private ITensorSource PhmRule(string path, string local, double deviation, double bound)
    {
        var terms = options.PhmTerms;
        if (!options.FactorizedPhmRule) return Rule(local, terms, terms);
        return new PhmProduct(Rule($"{local}_left", terms, 1), Rule($"{local}_right", 1, terms));

        AdapterTensor Rule(string name, long rows, long columns)
        {
            long[] shape = [terms, rows, columns];
            var seed = $"{path}.{name}";
            Tensor Start() =>
                options.PhmRuleStart == "uniform"
                    ? Initial.Uniform(shape, bound, SeedOf(seed))
                    : Initial.Normal(shape, deviation, SeedOf(seed));
            return options.LearnPhmRule ? Add(path, name, shape, Start) : AddFrozen(path, name, shape, Start);
        }
    }
}
