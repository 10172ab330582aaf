using PeftSharp.Methods.Layouts;
using PeftSharp.Methods.Partial.Sparse;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.ChildTuning;

/// <summary>Child-Tuning in peft's format, which has no such method: D as sparse values, F as whole tensors.</summary>
internal sealed class ChildTuningPeft : PeftLayout
{
    private static readonly SparsePeft Sparse = new();

    public override IEnumerable<KeyValuePair<string, Tensor>> Write(PeftMethod adapter) =>
        adapter is SparseMethod ? Sparse.Write(adapter) : base.Write(adapter);

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        if (adapter is SparseMethod) Sparse.Read(adapter, saved, file);
        else base.Read(adapter, saved, file);
    }
}
