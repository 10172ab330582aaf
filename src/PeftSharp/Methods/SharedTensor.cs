using static TorchSharp.torch;

namespace PeftSharp.Methods;

/// <summary>One tensor that adapters of a model hold together.</summary>
internal sealed class SharedTensor
{
    internal SharedTensor(string name, Tensor value) => (Name, Value) = (name, value);

    /// <summary>The artifact and the tensor's name in it.</summary>
    public string Name { get; }

    /// <summary>The tensor; belongs to those who hold it.</summary>
    public Tensor Value { get; }

    /// <summary>How many tensors of adapters it stands for at present.</summary>
    public int Holders { get; internal set; }

    /// <summary>True if this can stand for another tensor: the same kind, sizes, place and numbers, trained alike.</summary>
    internal bool IsLike(string name, Tensor other)
    {
        if (name != Name || other.dtype != Value.dtype || other.requires_grad != Value.requires_grad) return false;
        if (other.device.ToString() != Value.device.ToString() || !other.shape.SequenceEqual(Value.shape)) return false;
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        return other.equal(Value).all().item<bool>();
    }
}
