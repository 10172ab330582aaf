namespace PeftSharp.Generation;

/// <summary>Greedy or drawn answers to several prompts, a token at a time. Rows that have ended run along until the last one has.</summary>
internal sealed class TokenLoop(DecodingSession session, GenerationOptions options, IReadOnlyCollection<int> endIds, int most)
{
    private readonly TokenChoice _choice = new(options);
    private readonly List<int>[] _answers = [.. Enumerable.Range(0, session.Rows).Select(_ => new List<int>())];
    private readonly StopReason?[] _ended = new StopReason?[session.Rows];
    private int[]? _last;
    private int _step;

    /// <summary>True once every row has ended.</summary>
    public bool IsOver => Array.TrueForAll(_ended, reason => reason is not null);

    /// <summary>The answers so far.</summary>
    public GeneratedTokens Answer(int row) => new(_answers[row], _ended[row] ?? StopReason.Length);

    /// <summary>Why a row ended; null while it goes on.</summary>
    public StopReason? Ended(int row) => _ended[row];

    /// <summary>Ends a row; a stop text that came with the last token is the reason.</summary>
    public void End(int row, StopReason reason) => _ended[row] = reason == StopReason.StopText ? reason : _ended[row] ?? reason;

    /// <summary>Computes the next token of every row; null for those that had ended before.</summary>
    public int?[] Next()
    {
        var logits = session.Advance(_last);
        var vocabulary = logits.Length / session.Rows;
        var (tokens, next) = (new int?[session.Rows], new int[session.Rows]);
        for (var row = 0; row < session.Rows; row++)
        {
            if (_ended[row] is not null)
            {
                next[row] = _answers[row].Count > 0 ? _answers[row][^1] : 0;
                continue;
            }
            var token = _choice.Next(logits.AsSpan(row * vocabulary, vocabulary), session.History(row), row, _step);
            _answers[row].Add(token);
            (tokens[row], next[row]) = (token, token);
            if (endIds.Contains(token)) End(row, StopReason.EndToken);
            else if (_answers[row].Count >= most) End(row, StopReason.Length);
        }
        (_last, _step) = (next, _step + 1);
        return tokens;
    }
}
