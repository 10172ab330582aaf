namespace PeftSharp.Methods.Partial.Sparse;

/// <summary>The layout of sparse values, for methods that have none to save before they have chosen.</summary>
internal sealed class SearchingPeft : SparsePeft
{
    public override string? Refusal(PeftMethod adapter) =>
        adapter is SearchingMethod { IsSearching: true }
            ? $"{adapter.Options.PeftType}: the weights to keep are not chosen before the first phase of training is over; save the "
                + "adapter after that."
            : base.Refusal(adapter);
}
