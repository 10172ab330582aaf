namespace PeftSharp.Generation;

/// <summary>Beam search, as transformers defines it: an answer's score is its log probability divided by its length to a power.</summary>
/// <remarks>
/// The search for a prompt ends when no answer that goes on can, at its present length, beat the worst of as many ended ones as there are
/// beams.
/// </remarks>
internal sealed class BeamSearch(DecodingSession session, GenerationOptions options, IReadOnlyCollection<int> endIds, int most)
{
    private readonly int _beams = options.Beams;

    private sealed record Beam(int Row, double Score, IReadOnlyList<int> Ids);

    private sealed record Ended(double Score, GeneratedTokens Answer);

    /// <summary>The best answer to each prompt.</summary>
    public IReadOnlyList<GeneratedTokens> Run(CancellationToken cancellation)
    {
        var prompts = session.Rows;
        var logits = session.Advance();
        session.Select([.. Enumerable.Range(0, prompts).SelectMany(prompt => Enumerable.Repeat(prompt, _beams))]);
        // All beams of a prompt begin alike, so the first step looks at one of them.
        var running = Enumerable.Range(0, prompts).Select(prompt => new List<Beam> { new(prompt, 0, []) }).ToArray();
        var ended = Enumerable.Range(0, prompts).Select(_ => new List<Ended>()).ToArray();
        var over = new bool[prompts];
        for (var length = 1; ; length++)
        {
            cancellation.ThrowIfCancellationRequested();
            for (var prompt = 0; prompt < prompts; prompt++)
            {
                running[prompt] = Step(running[prompt], over[prompt] ? [] : ended[prompt], logits, length);
                over[prompt] |= length == most || IsOver(running[prompt], ended[prompt], length);
            }
            if (Array.TrueForAll(over, isOver => isOver)) break;
            var rows = running.SelectMany((beams, prompt) => beams.Select(beam => length == 1 ? prompt * _beams : beam.Row)).ToList();
            session.Select(rows);
            logits = session.Advance([.. running.SelectMany(beams => beams.Select(beam => beam.Ids[^1]))]);
            for (var prompt = 0; prompt < prompts; prompt++)
                running[prompt] = [.. running[prompt].Select((beam, i) => beam with { Row = prompt * _beams + i })];
        }
        return [.. ended.Select(answers => answers[0].Answer)];
    }

    // The beams that go on, the best first; what ends joins the ended ones. Once a prompt's search is over, its beams run along unseen.
    private List<Beam> Step(List<Beam> running, List<Ended> ended, double[] logits, int length)
    {
        var vocabulary = logits.Length / (length == 1 ? session.Rows / _beams : session.Rows);
        var candidates = new List<(double Score, Beam From, int Token)>();
        foreach (var beam in running)
        {
            var own = logits.AsSpan(beam.Row * vocabulary, vocabulary);
            candidates.AddRange(Best(own, beam, length));
        }
        var best = candidates.OrderByDescending(c => c.Score).ThenBy(c => c.From.Row).ThenBy(c => c.Token).Take(Width).ToList();
        var goOn = new List<Beam>();
        for (var i = 0; i < best.Count; i++)
        {
            var (score, from, token) = best[i];
            var ids = (int[])[.. from.Ids, token];
            var isEnd = endIds.Contains(token);
            if (i < _beams && (isEnd || length == most))
                ended.Add(new(score / Math.Pow(length, options.LengthPenalty), new(ids, isEnd ? StopReason.EndToken : StopReason.Length)));
            if (!isEnd && goOn.Count < _beams) goOn.Add(new(from.Row, score, ids));
        }
        // A vocabulary smaller than the beams leaves some without a token of their own: they never win.
        while (goOn.Count < _beams) goOn.Add(new(best[0].From.Row, double.NegativeInfinity, [.. best[0].From.Ids, best[0].Token]));
        var kept = ended.OrderByDescending(e => e.Score).Take(_beams).ToList();
        ended.Clear();
        ended.AddRange(kept);
        return goOn;
    }

    // Enough to go on with as many beams though every end token is among the best.
    private int Width => Math.Max(2, 1 + endIds.Count) * _beams;

    private List<(double Score, Beam From, int Token)> Best(Span<double> logits, Beam beam, int length)
    {
        var normaliser = ((ReadOnlySpan<double>)logits).LogSumExp();
        foreach (ref var logit in logits) logit -= normaliser;
        // The first step's row stands for all beams of its prompt.
        TokenChoice.Penalise(logits, session.History(length == 1 ? beam.Row * _beams : beam.Row), options.RepetitionPenalty);
        if (!double.IsFinite(normaliser)) _ = TokenChoice.Likeliest([normaliser]);
        var queue = new PriorityQueue<int, double>();
        for (var token = 0; token < logits.Length; token++)
        {
            if (queue.Count < Width) queue.Enqueue(token, logits[token]);
            else queue.EnqueueDequeue(token, logits[token]);
        }
        var found = new List<(double, Beam, int)>(queue.Count);
        while (queue.TryDequeue(out var token, out var score)) found.Add((beam.Score + score, beam, token));
        return found;
    }

    private bool IsOver(List<Beam> running, List<Ended> ended, int length) =>
        ended.Count == _beams && running[0].Score / Math.Pow(length, options.LengthPenalty) <= ended[^1].Score;
}
