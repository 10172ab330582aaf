using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Sites;

namespace PeftSharp.Methods.Additive.Ia3;

/// <summary>Settings of (IA)³ (Liu et al. 2022, arXiv 2205.05638).</summary>
public sealed record Ia3Options : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "IA3";

    /// <summary>
    /// Modules to scale: names, a pattern, or <c>all-linear</c>; null (default): keys, values and the feed-forward block's second map, and
    /// where peft's names catch it (BERT, RoBERTa) the map after the attention.
    /// </summary>
    [JsonPropertyName("target_modules")]
    public Targets? TargetModules { get; init; }

    /// <summary>
    /// Those of them whose input is scaled instead of their output; null (default): the feed-forward block's, and the map after the
    /// attention.
    /// </summary>
    [JsonPropertyName("feedforward_modules")]
    public Targets? FeedForwardModules { get; init; }

    /// <summary>Modules to leave out.</summary>
    [JsonPropertyName("exclude_modules")]
    public Targets? ExcludeModules { get; init; }

    /// <summary>
    /// True (default) starts every factor at 1, where the model is the base; false draws them from N(0, 1), as peft does for its own tests.
    /// </summary>
    [JsonPropertyName("init_ia3_weights")]
    public bool InitWeights { get; init; } = true;

    /// <summary>peft's marker of weights that checkpoints keep as [in, out]; set from the model.</summary>
    [JsonPropertyName("fan_in_fan_out")]
    public bool FanInFanOut { get; init; }

    /// <summary>
    /// Maps by role instead of by name, the output of each scaled (AdapterHub, whose third place is the output of the feed-forward block's
    /// first map, before the activation).
    /// </summary>
    [JsonIgnore]
    [SettingName("roles")]
    public IReadOnlyList<ProjectionRole>? Roles { get; init; }

    /// <summary>Layers that are left alone (AdapterHub).</summary>
    [JsonIgnore]
    [SettingName("leave_out")]
    public IReadOnlyList<int> LeaveOut { get; init; } = [];

    /// <summary>AdapterHub's own configuration, where the adapter came from one; fields that have no place here survive in it.</summary>
    [JsonIgnore]
    public JsonObject? Hub { get; init; }

    /// <inheritdoc/>
    public override AdapterFormat Format => Roles is null ? AdapterFormat.Peft : AdapterFormat.AdapterHub;

    /// <inheritdoc/>
    public override void Validate()
    {
        if (FeedForwardModules is not { } inputs || TargetModules is not { } targets) return;
        if (inputs.Text is not null && inputs.Text == targets.Text) return;
        var stray = (inputs.Names ?? [inputs.Text!]).FirstOrDefault(name => !targets.IsAllLinear && targets.Names?.Contains(name) == false);
        if (stray is not null) throw Bad("feedforward_modules", $"\"{stray}\"", $"names that \"target_modules\" has too ({targets})");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new Ia3Method(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null };
}
