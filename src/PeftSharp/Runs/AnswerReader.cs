using PeftSharp.Metrics;
using PeftSharp.Models.Heads;

namespace PeftSharp.Runs;

/// <summary>Makes answers of a head's outputs.</summary>
/// <param name="labels">Names of the classes in the order of the outputs.</param>
/// <param name="task">What the head answers.</param>
internal sealed class AnswerReader(IReadOnlyList<string> labels, TaskKind task)
{
    /// <summary>The answer of one row.</summary>
    /// <param name="outputs">The row's outputs, one for each label; one number for a regression.</param>
    public Prediction Read(ReadOnlySpan<float> outputs)
    {
        if (task == TaskKind.Regression)
            return new() { Label = null, Probability = double.NaN, Probabilities = [], Value = outputs[0], Labels = [] };
        var several = task == TaskKind.MultiLabel;
        var probabilities = several ? Sigmoid(outputs) : Softmax(outputs);
        var best = 0;
        for (var i = 1; i < outputs.Length; i++)
            if (outputs[i] > outputs[best]) best = i;
        List<string> held = [];
        for (var i = 0; i < outputs.Length; i++)
            if (several ? MultiLabelScores.Holds(outputs[i]) : i == best) held.Add(labels[i]);
        return new()
        {
            Label = held.Count == 0 ? null : labels[best],
            Probability = held.Count == 0 ? double.NaN : probabilities[best],
            Probabilities = [.. labels.Zip(probabilities, KeyValuePair.Create)],
            Value = double.NaN,
            Labels = held,
        };
    }

    private static double[] Softmax(ReadOnlySpan<float> outputs)
    {
        var probabilities = new double[outputs.Length];
        double largest = float.NegativeInfinity, sum = 0;
        foreach (var output in outputs) largest = Math.Max(largest, output);
        for (var i = 0; i < outputs.Length; i++) sum += probabilities[i] = Math.Exp(outputs[i] - largest);
        for (var i = 0; i < outputs.Length; i++) probabilities[i] /= sum;
        return probabilities;
    }

    private static double[] Sigmoid(ReadOnlySpan<float> outputs)
    {
        var probabilities = new double[outputs.Length];
        for (var i = 0; i < outputs.Length; i++) probabilities[i] = 1 / (1 + Math.Exp(-outputs[i]));
        return probabilities;
    }
}
