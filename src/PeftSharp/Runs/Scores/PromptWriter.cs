using PeftSharp.Generation;
using PeftSharp.Interop;
using PeftSharp.Runs.Rows;

namespace PeftSharp.Runs.Scores;

/// <summary>Lets a model answer many prompts, those of like length together.</summary>
internal sealed class PromptWriter(LoadedModel model, GenerationOptions options)
{
    // Rows that are answered at once: enough to use a processor, few enough that little is computed for rows that have ended.
    private const int MostRows = 16;

    // Of prompts and answers: what is kept for them stays in the hundreds of megabytes.
    private const int MostTokens = 8192;

    /// <summary>Answers the prompts.</summary>
    /// <param name="prompts">The prompts.</param>
    /// <param name="progress">Told how many are answered.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    /// <returns>What was written, in the order of the prompts.</returns>
    /// <exception cref="PeftException">A row has no prompt, or one that leaves no room for an answer.</exception>
    public string[] Write(IReadOnlyList<PromptRows> prompts, Action<int> progress, CancellationToken cancellation)
    {
        var generator = model.Generator(options);
        var encoder = Encoders.Instructions(generator.Tokenizer, model.Model.Model, model.BaseFolder);
        int[][] ids = [.. prompts.Select(prompt => At(prompt, () => encoder.EncodePrompt(prompt.Conversation)))];
        var written = new string[prompts.Count];
        var (done, part) = (0, 0);
        foreach (var batch in Batches(ids))
        {
            // The longest stands first: where it has room, all have.
            At(prompts[batch[0]], () => DecodingSession.Room(model.Model, model.Selection, [ids[batch[0]]]));
            var how = generator.Defaults with { Seed = SeedSequence.Derive(generator.Defaults.Seed, (ulong)part++) };
            var answers = generator.Generate([.. batch.Select(i => ids[i])], how, model.Selection, cancellation);
            for (var i = 0; i < batch.Length; i++) written[batch[i]] = answers[i].Text;
            progress(done += batch.Length);
        }
        return written;
    }

    // The longest first, so that what is too long or too much is known at once.
    private IEnumerable<int[]> Batches(int[][] ids)
    {
        int[] order = [.. Enumerable.Range(0, ids.Length).OrderByDescending(i => ids[i].Length)];
        for (var start = 0; start < order.Length;)
        {
            var each = options.Beams * ((long)ids[order[start]].Length + options.MaxNewTokens);
            var rows = (int)Math.Clamp(MostTokens / Math.Max(1, each), 1, MostRows);
            yield return [.. order.Skip(start).Take(rows)];
            start += rows;
        }
    }

    private static T At<T>(PromptRows prompt, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (PeftException e)
        {
            throw new PeftException($"{prompt.Place}: {e.Message}");
        }
    }
}
