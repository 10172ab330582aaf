using PeftSharp.Methods;
using PeftSharp.Models;

namespace PeftSharp.Tests.Matrix;

/// <summary>
/// Architectures with registered methods and their presets, as <see cref="MatrixSample"/> pairs them. A new method or architecture joins by
/// itself.
/// </summary>
public static class MatrixCases
{
    public static TheoryData<string, string> All => Where(_ => true);

    /// <summary>Those whose architecture answers with classes, from one stack.</summary>
    public static TheoryData<string, string> Classifying
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var (architecture, method) in Pairs(_ => true).Where(pair => TinyModels.Names.Contains(pair.Item1)))
                data.Add(architecture, method);
            return data;
        }
    }

    /// <summary>Those of an encoder and a decoder: for laws that follow from the base class rather than from a model.</summary>
    public static TheoryData<string, string> Two => Of("bert", "llama");

    /// <summary>Those of the core architectures.</summary>
    public static TheoryData<string, string> Core => Of([.. TinyModels.Core]);

    public static TheoryData<string, string> Neutral => Where(m => m.NeutralStart);

    public static TheoryData<string, string> Differentiable => Where(m => !m.EstimatesGradients);

    public static TheoryData<string, string> Mergeable
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var (architecture, method) in Pairs(m => m.Mergeable))
                if (!Info(method).MergesIntoBiases || WithBiases.Contains(architecture)) data.Add(architecture, method);
            return data;
        }
    }

    // Of the architectures whose values have a bias, those that meet every method.
    private static readonly string[] WithBiases = ["bert", "roberta", "distilbert", "gpt2"];

    public static TheoryData<string, string> NotMergeable => Where(m => !m.Mergeable);

    public static TheoryData<string, string, AdapterFormat> Formats
    {
        get
        {
            var data = new TheoryData<string, string, AdapterFormat>();
            foreach (var (architecture, method) in Pairs(_ => true))
                foreach (var format in Enum.GetValues<AdapterFormat>()) data.Add(architecture, method, format);
            return data;
        }
    }

    // A quick look while a method is written: PEFTSHARP_METHODS=loha,oft. Laws for which none of them is meant then report that they have
    // no data.
    private static readonly string[]? Only = Environment.GetEnvironmentVariable("PEFTSHARP_METHODS")?.Split(',');

    /// <summary>The registry's entry of a method or of the method that a preset belongs to.</summary>
    public static MethodInfo Info(string method) => MethodRegistry.All.First(m => m.Name == method || m.Presets.ContainsKey(method));

    private static TheoryData<string, string> Where(Func<MethodInfo, bool> wanted)
    {
        var data = new TheoryData<string, string>();
        foreach (var (architecture, method) in Pairs(wanted)) data.Add(architecture, method);
        return data;
    }

    private static TheoryData<string, string> Of(params string[] architectures)
    {
        var data = new TheoryData<string, string>();
        foreach (var (architecture, method) in Pairs(_ => true).Where(pair => architectures.Contains(pair.Item1))) data.Add(architecture,
            method);
        return data;
    }

    private static IEnumerable<(string, string)> Pairs(Func<MethodInfo, bool> wanted) =>
        from pair in MatrixSample.Pairs
        where wanted(Info(pair.Method)) && Only?.Contains(pair.Method) != false
        select pair;
}
