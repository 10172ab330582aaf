using System.Text.Json.Serialization;

namespace PeftSharp.Methods;

/// <summary>
/// A method inside another one's settings: on disk those of its settings that are not its defaults, with their <c>peft_type</c>, or with
/// <c>method</c>, a name of the registry whose settings they change; or such a name alone.
/// </summary>
/// <param name="Options">Its settings.</param>
[JsonConverter(typeof(MethodPartConverter))]
public sealed record MethodPart(MethodOptions Options)
{
    /// <inheritdoc/>
    public override string ToString() => Options.PeftType;
}
