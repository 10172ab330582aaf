using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Layouts;

namespace PeftSharp.Methods;

/// <summary>The settings of a method; on disk, the fields of <c>adapter_config.json</c> under their peft names.</summary>
public abstract record MethodOptions
{
    /// <summary>The method's name on disk, for example <c>LORA</c>.</summary>
    [JsonPropertyName("peft_type")]
    public abstract string PeftType { get; }

    /// <summary>The task, for example <c>SEQ_CLS</c>; filled in when the adapter is attached.</summary>
    [JsonPropertyName("task_type")]
    public string? TaskType { get; init; }

    /// <summary>The base model as its user named it.</summary>
    [JsonPropertyName("base_model_name_or_path")]
    public string? BaseModel { get; init; }

    /// <summary>The base model's revision.</summary>
    [JsonPropertyName("revision")]
    public string? Revision { get; init; }

    /// <summary>peft's own marker; true in saved files.</summary>
    [JsonPropertyName("inference_mode")]
    public bool InferenceMode { get; init; } = true;

    /// <summary>Modules that are trained whole and saved with the adapter; heads of classification tasks are always among them.</summary>
    [JsonPropertyName("modules_to_save")]
    public IReadOnlyList<string>? ModulesToSave { get; init; }

    /// <summary>Fields that this library does not know; written back as they were read.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; init; }

    /// <summary>The file that the settings were read from, as it stands there; what has no place here is written back from it.</summary>
    [JsonIgnore]
    internal JsonObject? Source { get; init; }

    /// <summary>
    /// Fields of peft's own settings of this method that mean nothing here, with their defaults; new files have them, as peft's have.
    /// </summary>
    [JsonIgnore]
    internal virtual JsonObject PeftFields => [];

    /// <summary>Fields of ours that peft's own settings of this method lack: not written where they are null.</summary>
    [JsonIgnore]
    internal virtual IReadOnlyList<string> OwnFields => [];

    /// <summary>The layout that holds these settings in full: an adapter is saved in it unless told otherwise.</summary>
    [JsonIgnore]
    public virtual AdapterFormat Format => MethodRegistry.ByPeftType(PeftType)?.Format ?? AdapterFormat.Peft;

    /// <summary>How adapters with these settings lie on disk, by format.</summary>
    [JsonIgnore]
    internal IReadOnlyList<AdapterLayout> Layouts => OwnLayouts();

    /// <summary>
    /// The layouts of the method; by default those that the registry lists, or peft's for a method that it does not know.
    /// </summary>
    private protected virtual IReadOnlyList<AdapterLayout> OwnLayouts() =>
        MethodRegistry.ByPeftType(PeftType)?.Layouts ?? [PeftLayout.Plain];

    /// <summary>Why settings like these cannot be kept in a format, as one sentence; null where they can.</summary>
    public string? Refusal(AdapterFormat format)
    {
        if (Layouts.FirstOrDefault(l => l.Format == format) is { } layout) return layout.Refusal(this);
        return format == AdapterFormat.AdapterHub
            ? $"{PeftType} is not a method of AdapterHub; save it in the peft format."
            : $"{PeftType}: the peft format has no place for it; save it in the AdapterHub format.";
    }

    /// <summary>Checks every value.</summary>
    /// <exception cref="PeftException">A value is out of range; the message names field, value and range.</exception>
    public abstract void Validate();

    /// <summary>Makes an adapter with these settings, not yet attached.</summary>
    public abstract PeftMethod Create(string name);

    /// <summary>A copy that knows the token ids of the texts in its settings; by default there are none.</summary>
    /// <param name="tokenize">Gives a text's ids, special tokens included.</param>
    public virtual MethodOptions WithTokens(Func<string, IReadOnlyList<int>> tokenize) => this;

    /// <summary>
    /// A copy for one of several tasks that share the adapter in a joint run; by default the same, for most methods know no tasks.
    /// </summary>
    /// <param name="task">Which task, from 0.</param>
    /// <param name="tasks">How many there are.</param>
    public virtual MethodOptions ForTask(int task, int tasks) => this;

    /// <summary>
    /// Name of the trained tensors that adapters of several tasks have together, which are trained for all of them at once and kept in a
    /// file of their own; null (default) where an adapter has nothing of the kind.
    /// </summary>
    [JsonIgnore]
    internal virtual string? SharedName => null;

    /// <summary>SHA-256 of that file, in lower-case hex; null where those tensors lie in the adapter's own.</summary>
    [JsonIgnore]
    internal virtual string? SharedHash => null;

    /// <summary>A copy that names the file of what is shared by its SHA-256.</summary>
    internal virtual MethodOptions WithSharedHash(string hash) => this;

    /// <summary>A copy that computes as the reference library does, where the definition here is another; by default they agree.</summary>
    internal virtual MethodOptions AsReference() => this;

    /// <summary>
    /// A copy as it stands in a union, which AdapterHub's layout holds: with AdapterHub's conventions where the method has two; by default
    /// as it is.
    /// </summary>
    internal virtual MethodOptions InUnion() => this;

    /// <summary>The settings as AdapterHub writes them (the <c>config</c> object of its adapter_config.json).</summary>
    /// <exception cref="PeftException">AdapterHub has no such method, or no place for these settings.</exception>
    public JsonObject ToAdapterHub()
    {
        if (Refusal(AdapterFormat.AdapterHub) is { } sentence) throw new PeftException(sentence);
        return Layouts.OfType<AdapterHubLayout>().First().Write(this);
    }

    /// <summary>A copy with a task's name and base filled in where they are empty.</summary>
    public MethodOptions For(string taskType, string? baseModel) =>
        this with { TaskType = TaskType ?? taskType, BaseModel = BaseModel ?? baseModel };

    /// <summary>Refuses a value with one sentence.</summary>
    protected PeftException Bad(string field, object? value, string expected) =>
        new($"{PeftType}: \"{field}\" is {Shown(value)}; expected {expected}.");

    // As it stands in a file, on one line.
    private static string Shown(object? value) => value switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        JsonElement json => Printable.Cut(JsonSerializer.Serialize(json), 60),
        _ => $"{value}",
    };
}
