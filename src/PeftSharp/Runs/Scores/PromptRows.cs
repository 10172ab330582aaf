using PeftSharp.Data;
using PeftSharp.Data.Instruct;

namespace PeftSharp.Runs.Scores;

/// <summary>The rows that have one prompt, whose answers are that prompt's references.</summary>
/// <param name="Conversation">The first of them.</param>
/// <param name="Rows">Their numbers in the dataset, from 0, in order.</param>
/// <param name="References">Their answers, in order.</param>
/// <param name="Place">Where the first stands, for messages.</param>
internal sealed record PromptRows(Conversation Conversation, List<int> Rows, List<string> References, string Place)
{
    /// <summary>The prompt's words.</summary>
    public string Text => Conversation.PromptText;

    /// <summary>The prompts of a dataset, each once, in the order of their first rows.</summary>
    /// <param name="data">Rows of <see cref="LabelKind.Tokens"/>.</param>
    public static IReadOnlyList<PromptRows> Of(TextDataset data)
    {
        var (found, order) = (new Dictionary<string, PromptRows>(StringComparer.Ordinal), new List<PromptRows>());
        for (var row = 0; row < data.Count; row++)
        {
            var example = data.Examples[row];
            var conversation = Conversation.Parse(example.Text);
            var key = conversation.PromptKey;
            if (!found.TryGetValue(key, out var prompt))
            {
                prompt = new(conversation, [], [], example.Place(data.Source));
                found.Add(key, prompt);
                order.Add(prompt);
            }
            prompt.Rows.Add(row);
            prompt.References.Add(conversation.Answer);
        }
        return order;
    }
}
