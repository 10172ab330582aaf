namespace PeftSharp.Formats.Gguf;

/// <summary>How the matrices of a GGUF file are written; norms and biases are kept in 32-bit floats always.</summary>
public enum GgufQuantization
{
    /// <summary>32-bit floats.</summary>
    F32,

    /// <summary>16-bit floats.</summary>
    F16,

    /// <summary>Eight bits and a scale for 32 weights; matrices whose rows are no multiple of 32 stay in 16-bit floats.</summary>
    Q8,
}
