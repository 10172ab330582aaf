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
    public static TheoryData<string, string> Classifying => Of([.. TinyModels.Names]);

    /// <summary>Those of an encoder and a decoder: for laws that follow from the base class rather than from a model.</summary>
    public static TheoryData<string, string> Two => Of("bert", "llama");

    /// <summary>Those of the core architectures.</summary>
    public static TheoryData<string, string> Core => Of([.. TinyModels.Core]);

    public static TheoryData<string, string> Neutral => Where(m => m.NeutralStart);

    public static TheoryData<string, string> Differentiable => Where(m => !m.EstimatesGradients);

    public static TheoryData<string, string> Mergeable => Data(
        Pairs(m => m.Mergeable).Where(pair => !Info(pair.Method).MergesIntoBiases || WithBiases.Contains(pair.Architecture)));

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

    // A quick look while a method is written: PEFTSHARP_METHODS=loha,oft. Laws for which none of them is meant are skipped then.
    private static readonly string[]? Only = Environment.GetEnvironmentVariable("PEFTSHARP_METHODS")?.Split(',');

    /// <summary>The registry's entry of a method or of the method that a preset belongs to.</summary>
    public static MethodInfo Info(string method) => MethodRegistry.All.First(m => m.Name == method || m.Presets.ContainsKey(method));

    private static TheoryData<string, string> Where(Func<MethodInfo, bool> wanted) => Data(Pairs(wanted));

    private static TheoryData<string, string> Of(params string[] architectures) =>
        Data(Pairs(_ => true).Where(pair => architectures.Contains(pair.Architecture)));

    private static TheoryData<string, string> Data(IEnumerable<(string Architecture, string Method)> pairs)
    {
        var data = new TheoryData<string, string>();
        foreach (var (architecture, method) in pairs) data.Add(architecture, method);
        if (data.Count == 0 && Only is not null)
            data.Add(new TheoryDataRow<string, string>("none", "none") { Skip = "None of PEFTSHARP_METHODS is meant for this law." });
        return data;
    }

    private static IEnumerable<(string Architecture, string Method)> Pairs(Func<MethodInfo, bool> wanted) =>
        MatrixSample.Pairs.Where(pair => wanted(Info(pair.Method)) && Only?.Contains(pair.Method) != false);
}
