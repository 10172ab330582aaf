using PeftSharp.Interop;
using PeftSharp.Methods.Layouts;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Shira;

/// <summary>SHiRA as peft writes it: beside the numbers of a map the rows and columns of their places, int32 [2, places].</summary>
internal sealed class ShiraPeft : PeftLayout
{
    private const string Places = "shira_indices";

    protected override IEnumerable<KeyValuePair<string, Tensor>> Encode(PeftMethod adapter, AdapterTensor tensor, string key)
    {
        foreach (var pair in base.Encode(adapter, tensor, key)) yield return pair;
        if (tensor.Local != ShiraMethod.Values) yield break;
        var (change, site) = ((ShiraMethod)adapter).At(tensor.Path);
        yield return new(PlacesOf(key), Indices(change.Places, site.InFeatures));
    }

    public override void Read(PeftMethod adapter, IReadOnlyDictionary<string, Tensor> saved, string file)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var rest = saved.ToDictionary();
        var found = new List<(ShiraChange Change, Tensor Places, Tensor Order)>();
        foreach (var tensor in adapter.Tensors.Where(t => t.Local == ShiraMethod.Values))
        {
            var (change, site) = ((ShiraMethod)adapter).At(tensor.Path);
            var key = PlacesOf(Name(adapter, tensor)!);
            SavedTensor.Require(saved, key, [2, tensor.Value.shape[0]], file);
            var places = Decode(saved[key].to(ScalarType.Int64), site.OutFeatures, site.InFeatures, $"{file}: tensor \"{key}\"");
            found.Add((change, places.Ascending, places.Order));
            rest.Remove(key);
        }
        base.Read(adapter, rest, file);
        foreach (var (change, places, order) in found)
        {
            var numbers = change.Values.Value;
            numbers.copy_(numbers.index_select(0, order.to(numbers.device)));
            change.Places = places;
        }
    }

    private static Tensor Indices(Tensor places, long columns)
    {
        using var near = places.cpu();
        var flat = near.data<long>().ToArray();
        int[] indices = [.. flat.Select(place => (int)(place / columns)), .. flat.Select(place => (int)(place % columns))];
        return tensor(indices, [2, flat.Length], dtype: ScalarType.Int32);
    }

    // The places in ascending order, whatever the file's, and where each stands in the file.
    private static (Tensor Ascending, Tensor Order) Decode(Tensor indices, long rows, long columns, string tensor)
    {
        Inside(indices[0], rows, $"{tensor} names rows");
        Inside(indices[1], columns, $"{tensor} names columns");
        var (sorted, order) = indices[0].Times(columns).Plus(indices[1]).sort();
        var count = sorted.shape[0];
        if (count > 1 && sorted.narrow(0, 1, count - 1).eq(sorted.narrow(0, 0, count - 1)).any().item<bool>())
            throw new PeftException($"{tensor} names a weight twice; expected each once: save the adapter again.");
        return (sorted, order);
    }

    private static void Inside(Tensor indices, long size, string what)
    {
        var (lowest, highest) = (indices.min().item<long>(), indices.max().item<long>());
        if (lowest < 0 || highest >= size)
            throw new PeftException(
                $"{what} from {lowest} to {highest}; expected 0 to {size - 1}: the adapter was made for another base model.");
    }

    private static string PlacesOf(string key) => $"{key[..(key.LastIndexOf('.') + 1)]}{Places}";
}
