using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Methods;

namespace PeftSharp.Runs.Results;

/// <summary>How many weights are trained, in peft's words.</summary>
/// <param name="Trainable">Trained weights, head included.</param>
/// <param name="All">All weights; a module that is trained as a copy counts twice, as peft counts.</param>
/// <param name="Head">Trained weights of the head.</param>
/// <param name="AllHead">All weights of the head, its copy included.</param>
public sealed record ParameterCount(long Trainable, long All, long Head, long AllHead)
{
    /// <summary>Counts what adapters on a model train together.</summary>
    public static ParameterCount Of(PeftModel model, params IReadOnlyList<PeftMethod> adapters)
    {
        var modules = model.Model.SavedModules;
        bool IsHead(string path) => modules.Any(m => Targets.IsSavedModule(path, m));
        long Weights(IEnumerable<AdapterTensor> tensors) => tensors.Sum(t => t.Value.numel());
        // What several of them train together is there once.
        var trained = adapters.SelectMany(a => a.Tensors).DistinctBy(t => t.Value, ReferenceEqualityComparer.Instance).ToList();
        var all = model.Model.Sites.Count + Weights(trained.Concat(adapters.SelectMany(a => a.Frozen)).Where(t => t.Additional));
        var head = model.Model.Sites.Slots.Where(s => IsHead(s.Module)).Sum(s => s.Count)
            + Weights(trained.Where(t => t.Additional && IsHead(t.Path)));
        return new(Weights(trained), all, Weights(trained.Where(t => IsHead(t.Path))), head);
    }

    /// <summary>As peft's print_trainable_parameters writes it.</summary>
    public string Text => Line(Trainable, All);

    /// <summary>The same without the head, which belongs to the task and not to the method.</summary>
    public string TextWithoutHead => Line(Trainable - Head, All - AllHead);

    /// <summary>Both lines, or the one where there is no head.</summary>
    public IReadOnlyList<string> Lines => Head == 0 ? [Text] : [Text, $"without the head: {TextWithoutHead}"];

    /// <summary>The counts by name.</summary>
    public JsonObject Json => new()
    {
        ["trainable"] = Trainable,
        ["all"] = All,
        ["percent"] = 100.0 * Trainable / All,
        ["head"] = Head,
        ["trainable_without_head"] = Trainable - Head,
        ["all_head"] = AllHead,
        ["all_without_head"] = All - AllHead,
        ["percent_without_head"] = 100.0 * (Trainable - Head) / (All - AllHead),
        ["line"] = Text,
    };

    private static string Line(long trainable, long all) => string.Create(CultureInfo.InvariantCulture,
        $"trainable params: {trainable:N0} || all params: {all:N0} || trainable%: {100.0 * trainable / all:0.0000}");
}
