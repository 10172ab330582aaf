namespace PeftSharp.Methods.Partial.Head;

/// <summary>Settings of training the head alone: none but the common ones.</summary>
public sealed record HeadOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "HEAD";

    /// <inheritdoc/>
    public override void Validate() { }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new HeadMethod(name, this);
}
