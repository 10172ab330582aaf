using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Methods.Additive.AdaptionPrompt;
using PeftSharp.Methods.Additive.Beft;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Additive.Cpt;
using PeftSharp.Methods.Additive.Ia3;
using PeftSharp.Methods.Additive.Lst;
using PeftSharp.Methods.Additive.MultitaskPrompt;
using PeftSharp.Methods.Additive.Prefix;
using PeftSharp.Methods.Additive.Prompt;
using PeftSharp.Methods.Additive.PTuning;
using PeftSharp.Methods.Additive.Reft;
using PeftSharp.Methods.Full;
using PeftSharp.Methods.Hybrid.MoeLora;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Hybrid.XLora;
using PeftSharp.Methods.Layouts;
using PeftSharp.Methods.Partial.BitFit;
using PeftSharp.Methods.Partial.ChildTuning;
using PeftSharp.Methods.Partial.DiffPruning;
using PeftSharp.Methods.Partial.Fish;
using PeftSharp.Methods.Partial.Head;
using PeftSharp.Methods.Partial.LastLayers;
using PeftSharp.Methods.Partial.LnTuning;
using PeftSharp.Methods.Partial.LtSft;
using PeftSharp.Methods.Partial.Mask;
using PeftSharp.Methods.Partial.Sam;
using PeftSharp.Methods.Partial.Surgical;
using PeftSharp.Methods.Partial.ThresholdMask;
using PeftSharp.Methods.Reparameterized.AdaLora;
using PeftSharp.Methods.Reparameterized.Boft;
using PeftSharp.Methods.Reparameterized.C3a;
using PeftSharp.Methods.Reparameterized.DyLora;
using PeftSharp.Methods.Reparameterized.FourierFt;
using PeftSharp.Methods.Reparameterized.GraLora;
using PeftSharp.Methods.Reparameterized.Hira;
using PeftSharp.Methods.Reparameterized.Hra;
using PeftSharp.Methods.Reparameterized.LoHa;
using PeftSharp.Methods.Reparameterized.LoKr;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Methods.Reparameterized.LoraXs;
using PeftSharp.Methods.Reparameterized.Miss;
using PeftSharp.Methods.Reparameterized.Oft;
using PeftSharp.Methods.Reparameterized.RandLora;
using PeftSharp.Methods.Reparameterized.Road;
using PeftSharp.Methods.Reparameterized.Shira;
using PeftSharp.Methods.Reparameterized.VbLora;
using PeftSharp.Methods.Reparameterized.Vera;
using PeftSharp.Methods.Unified.AdaMix;
using PeftSharp.Methods.Unified.ProPetl;
using PeftSharp.Methods.Unified.SparseAdapter;

namespace PeftSharp.Methods;

/// <summary>
/// Every method that passes every law that applies to it, and those that a program adds. A new one of the library adds its line here and
/// nothing elsewhere.
/// </summary>
public static class MethodRegistry
{
    private static readonly Lock Adding = new();

    private static volatile IReadOnlyList<MethodInfo> _all =
    [
        FullMethod.Info,
        BottleneckMethod.Info,
        PrefixMethod.Info,
        PromptMethod.Info,
        PTuningMethod.Info,
        MultitaskPromptMethod.Info,
        CptMethod.Info,
        AdaptionPromptMethod.Info,
        Ia3Method.Info,
        BeftMethod.Info,
        ReftMethod.Info,
        LstMethod.Info,
        HeadMethod.Info,
        LastLayersMethod.Info,
        SurgicalMethod.Info,
        BitFitMethod.Info,
        LnTuningMethod.Info,
        FishMethod.Info,
        ChildTuningMethod.Info,
        SamMethod.Info,
        MaskMethod.Info,
        LtSftMethod.Info,
        DiffPruningMethod.Info,
        ThresholdMaskMethod.Info,
        LoraMethod.Info,
        AdaLoraMethod.Info,
        DyLoraMethod.Info,
        VeraMethod.Info,
        LoHaMethod.Info,
        LoKrMethod.Info,
        OftMethod.Info,
        BoftMethod.Info,
        HraMethod.Info,
        MissMethod.Info,
        FourierFtMethod.Info,
        RandLoraMethod.Info,
        VbLoraMethod.Info,
        HiraMethod.Info,
        GraLoraMethod.Info,
        ShiraMethod.Info,
        C3aMethod.Info,
        RoadMethod.Info,
        LoraXsMethod.Info,
        UnionMethod.Info,
        MoeLoraMethod.Info,
        XLoraMethod.Info,
        SparseMethod.Info,
        AdaMixMethod.Info,
        ProPetlMethod.Info,
    ];

    /// <summary>The methods, in the order of the families; behind them those that were added.</summary>
    public static IReadOnlyList<MethodInfo> All => _all;

    /// <summary>
    /// Adds a method of the program's own, for the rest of its life: from then on it has a name in recipes and settings, and adapters of it
    /// are loaded from their folders. It is saved in peft's layout, its settings as fields and its tensors by their names.
    /// </summary>
    /// <param name="method">
    /// What it is called and made of. Adding the same one again does nothing. Threads may add methods while others use the registry.
    /// </param>
    /// <exception cref="PeftException">
    /// A name is taken, or the type of the settings is no record that can be made with its defaults and tells the same <c>peft_type</c>.
    /// </exception>
    public static void Add(MethodInfo method)
    {
        ArgumentNullException.ThrowIfNull(method);
        lock (Adding)
        {
            if (_all.Contains(method)) return;
            Require(method);
            _all = [.. _all, method];
        }
    }

    private static void Require(MethodInfo method)
    {
        if (!method.OptionsType.IsSubclassOf(typeof(MethodOptions)) || method.OptionsType.GetConstructor([]) is null)
            throw new PeftException(
                $"The method \"{method.Name}\" has settings of the type {method.OptionsType}; expected a record that derives from "
                + "MethodOptions and has a constructor without parameters.");
        if (method.CreateOptions().PeftType is var told && told != method.PeftType)
            throw new PeftException(
                $"The method \"{method.Name}\" has the peft_type \"{method.PeftType}\", but its settings say \"{told}\"; both must be the "
                + "same.");
        foreach (var name in NamesOf(method))
        {
            if (string.IsNullOrWhiteSpace(name)) throw new PeftException("A method has an empty name; give it one.");
            if (_all.FirstOrDefault(known => NamesOf(known).Any(taken => Same(taken, name))) is { } other)
                throw new PeftException($"The name \"{name}\" is taken by the method \"{other.Name}\"; choose another one.");
        }
    }

    private static IEnumerable<string> NamesOf(MethodInfo method) =>
        [method.Name, method.PeftType, .. method.Aliases, .. method.Presets.Keys];

    /// <summary>The settings that a name, an alias or a preset stands for.</summary>
    /// <exception cref="PeftException">The name is unknown.</exception>
    public static MethodOptions Options(string name)
    {
        foreach (var method in All)
        {
            if (method.Presets.FirstOrDefault(p => Same(p.Key, name)).Value is { } preset) return preset();
            if (Same(method.Name, name) || method.Aliases.Any(a => Same(a, name))) return method.CreateOptions();
        }
        throw new PeftException(
            $"The method \"{name}\" is not known; known are {string.Join(", ", All.SelectMany(m => m.Presets.Keys.Prepend(m.Name)))}.");
    }

    /// <summary>The method with this <c>peft_type</c>, or null.</summary>
    public static MethodInfo? ByPeftType(string peftType) => All.FirstOrDefault(m => Same(m.PeftType, peftType));

    // What a method's adapters are called in AdapterHub's keys, whatever the method.
    internal static IEnumerable<string> AdapterHubKinds => AdapterHubLayouts.SelectMany(l => l.Kinds).Distinct();

    private static IEnumerable<AdapterHubLayout> AdapterHubLayouts => All.SelectMany(m => m.Layouts).OfType<AdapterHubLayout>();

    /// <summary>Settings from AdapterHub's <c>config</c> object.</summary>
    /// <exception cref="PeftException">It describes a method that is not supported.</exception>
    public static MethodOptions FromAdapterHub(JsonObject config, string file)
    {
        try
        {
            return AdapterHubLayouts.Select(l => l.Read(config)).FirstOrDefault(o => o is not null) ?? throw new PeftException(
                $"{file}: the AdapterHub method \"{config["architecture"]?.ToString() ?? "bottleneck"}\" with these settings is "
                + "not supported.");
        }
        catch (Exception e) when (
            e is InvalidOperationException or FormatException or OverflowException or ArgumentException or NullReferenceException
                or JsonException)
        {
            throw new PeftException(
                $"{file}: a field of \"config\" has a value of the wrong type; save the adapter again with AdapterHub 1.2 or later.", e);
        }
    }

    private static bool Same(string a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);
}
