using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;

namespace PeftSharp.Composition;

// What answers depend on besides tensors.
public sealed partial class PeftModel
{
    /// <summary>What an adapter's answers depend on besides tensors; saved with it.</summary>
    internal AnswerCard CardOf(PeftMethod adapter) =>
        adapter.Card is { } text ? AnswerCard.Parse(text, $"the adapter \"{adapter.Name}\"") : Model.Card;

    /// <summary>Says what an adapter's answers depend on besides tensors. Training does so by itself, from the rows that it sees.</summary>
    public void Describe(PeftMethod adapter, AnswerCard card) => adapter.Card = card.ToJson();

    /// <summary>Says that an adapter is trained on some data: what its answers depend on of it is saved with it.</summary>
    /// <exception cref="PeftException">The model's head does not answer the data: it has other classes, or has them in another
    /// order.</exception>
    internal void Describe(PeftMethod adapter, DataOrigin data)
    {
        var card = CardOf(adapter);
        LabelCheck.Require(data, Model, card, adapter.Tag.Outputs ?? Model.Head.Outputs);
        var unnamed = card.Labels is null || LabelNames.AreIndices(card.Labels);
        Describe(adapter, card with
        {
            Labels = unnamed && Model.Head.Kind is TaskKind.Classification or TaskKind.MultiLabel
                ? data.Labels ?? card.Labels
                : card.Labels,
            Pairs = data.Pairs,
            MaxLength = data.MaxLength,
            Tokenizer = data.Texts,
            Columns = data.TextColumn is null && data.LabelColumn is null ? null : new(data.TextColumn, data.PairColumn, data.LabelColumn),
        });
    }

    /// <summary>The card of what a selection answers: its adapter's where there is one, else the model's.</summary>
    internal AnswerCard CardOf(AdapterSelection selection) =>
        selection.Compositions.Select(tree => Adapters.Values.FirstOrDefault(a => a.Tag == tree.Answering))
            .FirstOrDefault(a => a is not null) is { } adapter
            ? CardOf(adapter) : Model.Card;
}
