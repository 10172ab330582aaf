namespace PeftSharp.Methods.Full;

/// <summary>Settings of full fine-tuning: none but the common ones.</summary>
public sealed record FullOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "FULL";

    /// <inheritdoc/>
    public override void Validate() { }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new FullMethod(name, this);
}
