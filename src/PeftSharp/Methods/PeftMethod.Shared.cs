using static TorchSharp.torch;

namespace PeftSharp.Methods;

// Tensors that the adapters of a model have together.
public abstract partial class PeftMethod
{
    /// <summary>
    /// Adds a trained tensor that the adapters of the model have together: the first that names the artifact makes it, the others read the
    /// very same tensor, so that their gradients add up in it. An optimizer that trains several of them is given it once.
    /// </summary>
    /// <remarks>
    /// Adapters that were read from files share it where their files have the same numbers. <see cref="AdapterTensor.IsShared"/> tells a
    /// method that trains alone that others would change with it.
    /// </remarks>
    /// <param name="artifact">Name of the artifact, among those of the model.</param>
    /// <param name="path">The module; empty for the whole model.</param>
    /// <param name="local">The name in it.</param>
    /// <param name="shape">The shape.</param>
    /// <param name="start">Makes the start value, of that shape.</param>
    /// <param name="decay">True if weight decay acts on it.</param>
    /// <exception cref="PeftException">The settings ask for more than there can be, or the artifact has other sizes.</exception>
    protected AdapterTensor AddShared(string artifact, string path, string local, long[] shape, Func<Tensor> start, bool decay = true)
    {
        var name = SharedName(artifact, path, local);
        if (Host.FromFile) return Add(path, local, shape, start, decay, saved: true, TensorRole.Trained, name);
        Allow(path, local, shape, fromFile: false);
        var held = Host.Shared.Hold(name, shape, () => Leaf(start(), TensorRole.Trained));
        var tensor = new AdapterTensor(path, local, held.Value, decay) { Owner = Tag, SharedAs = name };
        tensor.Hold(Host.Shared, held);
        _tensors.Add(tensor);
        return tensor;
    }

    private static string SharedName(string artifact, string path, string local) =>
        $"{artifact}/{(path.Length == 0 ? local : $"{path}.{local}")}";

    // Once the numbers are those that it keeps.
    private void Share()
    {
        foreach (var tensor in Kept) tensor.Share(Host.Shared);
    }

    /// <summary>Takes numbers from a file: what other adapters hold too is left as it is, and shared again where the file agrees.</summary>
    internal void Take(Action read)
    {
        foreach (var tensor in Kept) tensor.Unshare();
        try
        {
            read();
        }
        finally
        {
            Share();
        }
    }
}
