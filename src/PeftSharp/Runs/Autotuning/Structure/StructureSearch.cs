using System.Text.Json.Nodes;
using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Training;
using PeftSharp.Sites;
using PeftSharp.Training;
using PeftSharp.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Autotuning.Structure;

/// <summary>
/// Differentiable search for a structure (S³Delta, arXiv 2206.07382): modules at all positions are trained behind gates. One half of the
/// rows trains the modules, the other half the gates, in turn; the paper looks one step of the modules ahead for the gates, here they
/// follow the gradient as it is (first order).
/// </summary>
/// <param name="plan">The plan.</param>
/// <param name="recipe">A recipe of the run that all modules together make.</param>
/// <param name="observer">Hears how it goes.</param>
internal sealed class StructureSearch(AutotunePlan plan, string recipe, RunObserver observer)
{
    // The paper's rate for α.
    private const double GateRate = 0.1;

    /// <summary>Searches.</summary>
    /// <exception cref="PeftException">The modules cannot be gated, or the budget holds none of them.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; there is nothing to go on with.</exception>
    public FoundStructure Run(CancellationToken cancellation)
    {
        var settings = new TrainSettings();
        RecipeFile.Apply(recipe, settings);
        using var inputs = TrainInputs.Load(settings, new(TrainingRun.OptionsOf(settings, []), null, null), observer, cancellation);
        var positions = GatedPositions.Of(inputs.Adapter);
        RequireRoom(positions);
        using var gates = new StructureGates(positions, plan.MaxWeights!.Value, inputs.Adapter.Tag);
        observer.During(RunStage.Training, "gates", () => Train(settings, inputs, gates, cancellation));
        return Found(inputs.Adapter, positions, gates);
    }

    private bool Train(TrainSettings settings, TrainInputs inputs, StructureGates gates, CancellationToken cancellation)
    {
        var model = inputs.Trained(settings);
        using var weights = new AdamW(model.Parameters, settings.Beta1, settings.Beta2, settings.Epsilon, settings.WeightDecay);
        using var alphas = new AdamW([new("alphas", gates.Alphas, false)]);
        int[] HalfOf(int rest) => [.. Enumerable.Range(0, inputs.Train.Count).Where(row => row % 2 == rest)];
        BatchPlan PlanOf(int[] rows) =>
            new([.. rows.Select(row => inputs.Train.Lengths[row])], settings.BatchSize, BatchOrder.Shuffled, settings.Seed);
        int[][] halves = [HalfOf(0), HalfOf(1)];
        BatchPlan[] plans = [.. halves.Select(PlanOf)];
        var total = Math.Max(1, (long)Math.Ceiling(plan.Epochs * plans[0].BatchesPerEpoch));
        for (var step = 0L; step < total; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (var side in (int[])[1, 0])
            {
                using var scope = NewDisposeScope();
                var state = new StepState(step, 0, total, SeedSequence.Derive(settings.Seed, (ulong)step), settings.Rate(false));
                // Both halves of a step see the same draw of the gates.
                gates.Draw(new SeededRandom(settings.Seed, 1 + (ulong)step));
                var epoch = plans[side].Epoch((int)(step / plans[side].BatchesPerEpoch));
                using var batch = inputs.Train.CreateBatch([.. epoch[(int)(step % epoch.Count)].Select(row => halves[side][row])]);
                Backward(model, batch, state, total);
                if (side == 1) alphas.Step(GateRate * (1 - (double)step / total));
                else weights.Step(settings.Rate(false) * (1 - (double)step / total));
                weights.ZeroGrad();
                alphas.ZeroGrad();
            }
            observer.Progressed(RunStage.Training, step + 1, total);
        }
        return true;
    }

    private static void Backward(TrainableAdapter model, TokenBatch batch, StepState state, long total)
    {
        var loss = model.Loss(batch, state).Mean;
        if (!double.IsFinite(loss.to(ScalarType.Float64).item<double>()))
            throw new PeftException(
                $"The loss is not a finite number at step {state.Step + 1} of {total} of the structure search; lower the learning rate.");
        AutogradFailures.Backward(loss);
    }

    private void RequireRoom(IReadOnlyList<GatedPosition> positions)
    {
        var least = positions.Min(p => p.Weights);
        if (plan.MaxWeights < least)
            throw new SettingsException(
                $"{plan.Place}: max_weights is {plan.MaxWeights}, and the smallest module of the space trains {Figures.Count(least)} "
                + "weights; allow as many at least, or give smaller sizes.");
    }

    private FoundStructure Found(PeftMethod adapter, IReadOnlyList<GatedPosition> positions, StructureGates gates)
    {
        var (kept, probabilities) = (gates.Kept(), gates.Probabilities());
        var modules = plan.Space.Modules;
        var parts = adapter is CompositeMethod union ? union.Parts : [adapter];
        var used = kept.GroupBy(i => positions[i].Part).OrderBy(g => g.Key).ToList();
        var settings = new JsonObject { ["method"] = string.Join('|', used.Select(g => modules[g.Key].Method)) };
        var words = new List<string>();
        foreach (var group in used)
        {
            var module = modules[group.Key];
            var own = module.Of(module.Sizes[^1], [], 0, used.Count == 1);
            if (parts[group.Key].Options is LoraOptions)
            {
                own.Remove("roles");
                own["target_modules"] = new JsonArray([.. group.Select(i => (JsonNode?)positions[i].Path)]);
            }
            else
            {
                var layers = positions.Where(p => p.Part == group.Key).Select(p => p.Layer);
                var off = layers.Except(group.Select(i => positions[i].Layer)).Order().ToList();
                if (off.Count > 0) own["leave_out"] = new JsonArray([.. off.Select(layer => (JsonNode?)layer)]);
            }
            foreach (var (name, value) in own) settings[used.Count == 1 ? name : $"{module.Method}.{name}"] = value?.DeepClone();
            words.Add($"{module.Method} {module.Sizes[^1]} at {group.Count()} of {positions.Count(p => p.Part == group.Key)} places");
        }
        var told = positions.Select((p, i) => (JsonNode?)new JsonObject
        {
            ["module"] = modules[p.Part].Method,
            ["place"] = p.Path,
            ["layer"] = p.Layer,
            ["weights"] = p.Weights,
            ["probability"] = probabilities[i],
            ["kept"] = kept.Contains(i),
        });
        return new(settings, kept.Sum(i => positions[i].Weights), string.Join(", ", words), new JsonArray([.. told]));
    }

    /// <summary>The settings of all modules together, each at its largest size; LoRA at every linear map unless told otherwise.</summary>
    /// <exception cref="SettingsException">A module cannot be gated.</exception>
    public static JsonObject Everything(AutotunePlan plan)
    {
        var modules = plan.Space.Modules.Where(m => m.Sizes[^1] > 0).ToList();
        foreach (var module in modules)
            if (!GatedPositions.CanBeGated(MethodName.Options(module.Method)))
                throw new SettingsException(
                    $"{plan.Place}: s3delta cannot close \"{module.Method}\" by a gate so that the base is left; it searches LoRA and "
                    + "serial or parallel bottlenecks.");
        var settings = new JsonObject { ["method"] = string.Join('|', modules.Select(m => m.Method)) };
        foreach (var module in modules)
        {
            var own = module.Of(module.Sizes[^1], [], 0, modules.Count == 1);
            if (MethodName.Options(module.Method) is LoraOptions && !own.ContainsKey("target_modules"))
            {
                own.Remove("roles");
                own["target_modules"] = "all-linear";
            }
            foreach (var (name, value) in own) settings[modules.Count == 1 ? name : $"{module.Method}.{name}"] = value?.DeepClone();
        }
        return settings;
    }
}
