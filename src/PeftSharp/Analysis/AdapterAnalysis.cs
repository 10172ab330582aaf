using PeftSharp.Composition;
using PeftSharp.Methods;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Analysis;

/// <summary>What an adapter does to a model, in numbers.</summary>
public sealed record AdapterAnalysis
{
    /// <summary>Changed matrices, in the order of the model; those with no change at all included.</summary>
    public required IReadOnlyList<MatrixReport> Matrices { get; init; }

    /// <summary>Changed vectors.</summary>
    public required IReadOnlyList<VectorReport> Vectors { get; init; }

    /// <summary>What is no change of weights.</summary>
    public required IReadOnlyList<EffectReport> Effects { get; init; }

    /// <summary>The spectra of one group's matrices.</summary>
    public IReadOnlyList<Spectrum> Spectra(MatrixGroup group = MatrixGroup.Maps) =>
        [.. Matrices.Where(m => m.Place.Group == group).Select(m => m.Spectrum)];

    /// <summary>‖Δ‖_F over all matrices of a group.</summary>
    public double Norm(MatrixGroup group) => Math.Sqrt(Spectra(group).Sum(s => s.Energy));

    /// <summary>The share of the energy of a group's matrices that the best approximations of a rank keep together.</summary>
    public double EnergyAt(int rank, MatrixGroup group = MatrixGroup.Maps) =>
        Spectra(group) is { Count: > 0 } all && all.Sum(s => s.Energy) is > 0 and var total
            ? all.Sum(s => s.EnergyAt(rank) * s.Energy) / total
            : 1;

    /// <summary>Looks at one adapter of a model.</summary>
    /// <param name="model">The base with the adapter, not merged.</param>
    /// <param name="adapter">The adapter.</param>
    /// <param name="rounding">True works out what merging into rounded weights costs.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="PeftException">The adapter is merged at present.</exception>
    public static AdapterAnalysis Of(PeftModel model, PeftMethod adapter, bool rounding = true, CancellationToken cancellation = default)
    {
        if (model.Merged is not null)
            throw new PeftException($"The adapter \"{model.Merged}\" is merged; unmerge it to look at what an adapter changes.");
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var refusals = new List<string>();
        var matrices = new List<MatrixReport>();
        foreach (var matrix in ChangedMatrix.Of(model, adapter, refusals))
        {
            cancellation.ThrowIfCancellationRequested();
            using var inner = NewDisposeScope();
            var (weight, spectrum) = (matrix.Slot.Value, new Spectrum(matrix.Delta.SingularValues()));
            matrices.Add(new(matrix.Place, matrix.Delta.Rows, matrix.Delta.Columns, spectrum, RoundingError.Norm(weight),
                rounding && spectrum.Energy > 0 && matrix.Place.Group == MatrixGroup.Maps
                    ? RoundingError.Of(weight, matrix.Delta.Dense())
                    : []));
        }
        return new()
        {
            Matrices = matrices,
            Vectors = [.. VectorsOf(model, adapter)],
            Effects = [.. EffectReport.Of(model, adapter), .. refusals.Select(EffectReport.Refused)],
        };
    }

    private static IEnumerable<VectorReport> VectorsOf(PeftModel model, PeftMethod adapter)
    {
        foreach (var slot in model.Model.Sites.Slots.Where(s => s.Kind is SlotKind.Bias or SlotKind.NormBias or SlotKind.NormWeight))
        {
            using var scope = NewDisposeScope();
            if (Changed(model, slot, adapter) is { } value)
                yield return new(slot.Name, slot.Kind, RoundingError.Norm(value - slot.Value), RoundingError.Norm(slot.Value));
        }
    }

    // A plug-in that does not merge has been reported at its weight.
    private static Tensor? Changed(PeftModel model, Slot slot, PeftMethod adapter)
    {
        try
        {
            return Merger.MergedValue(model.Model.Sites, slot, adapter.Tag, adapter.Options.PeftType);
        }
        catch (PeftException)
        {
            return null;
        }
    }
}
