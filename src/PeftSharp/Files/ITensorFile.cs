using static TorchSharp.torch;

namespace PeftSharp.Files;

/// <summary>A file of named tensors.</summary>
internal interface ITensorFile : IDisposable
{
    /// <summary>The path that it was opened by.</summary>
    string Path { get; }

    /// <summary>The tensors by name.</summary>
    IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    /// <summary>Free-form metadata; empty where there is none.</summary>
    IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensor of that name: new, the caller's, in no dispose scope.</summary>
    Tensor Read(string name);

    /// <summary>A tensor was copied and will not be read again: its pages may be given back. Nothing may have been written to it.</summary>
    void Forget(string name) { }
}
