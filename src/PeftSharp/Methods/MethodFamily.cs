
namespace PeftSharp.Methods;

/// <summary>The families of the field.</summary>
public enum MethodFamily
{
    /// <summary>Everything is trained.</summary>
    Full,
    /// <summary>New modules or vectors are trained.</summary>
    Additive,
    /// <summary>Some existing weights are trained.</summary>
    Partial,
    /// <summary>Low-rank or structured updates are trained, and merge.</summary>
    Reparameterized,
    /// <summary>Several methods together.</summary>
    Hybrid,
    /// <summary>One prototype, many views.</summary>
    Unified,
}
