using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>
/// Threads that go through the same steps, wait for each other between them, and take the pieces of a step as they come: they are woken
/// once for many short steps.
/// </summary>
internal sealed class ThreadTeam
{
    // Turns of a waiting thread before it lets others have the processor: some ten microseconds.
    private const int Turns = 500;

    private readonly int _shares;
    private int _arrived, _round, _taken, _members;

    private ThreadTeam(int shares) => _shares = shares;

    /// <summary>Runs <paramref name="body"/>, which must not throw, on some of libtorch's threads.</summary>
    /// <param name="most">Threads, at most; never more than libtorch uses.</param>
    /// <param name="body">
    /// Gets the team and for how many threads it stands: libtorch may give fewer threads than were asked for, down to one for all.
    /// </param>
    public static void Run(int most, Action<ThreadTeam, int> body)
    {
        var shares = Math.Clamp(most, 1, get_num_threads());
        // Another pool may run one piece behind the other, and the first would wait for ever.
        if (!Dispatcher.Available) shares = 1;
        var team = new ThreadTeam(shares);
        if (shares == 1) body(team, 1);
        else Ranges.ForEach(shares, 1, (from, to) => body(team, (int)(to - from)));
    }

    /// <summary>A number of its own for each thread, from 0, below the number of threads that were asked for.</summary>
    public int Join() => Interlocked.Increment(ref _members) - 1;

    /// <summary>
    /// Ends a step. True for the last thread to come, which does what one alone has to do and then calls <see cref="Release"/>; the others
    /// return when it has.
    /// </summary>
    /// <param name="shares">For how many threads the caller stands.</param>
    public bool Arrive(int shares)
    {
        var round = Volatile.Read(ref _round);
        if (Interlocked.Add(ref _arrived, shares) == _shares) return true;
        for (var turn = 0; Volatile.Read(ref _round) == round; turn++)
        {
            if (turn < Turns) Thread.SpinWait(1);
            else Thread.Yield();
        }
        return false;
    }

    /// <summary>Lets all go on to the next step.</summary>
    public void Release()
    {
        (_arrived, _taken) = (0, 0);
        Volatile.Write(ref _round, _round + 1);
    }

    /// <summary>Takes a piece of a step's work that nobody has; false when nothing is left. Pieces get smaller towards the end.</summary>
    /// <param name="total">All of the work, from 0.</param>
    /// <param name="least">The smallest piece.</param>
    /// <param name="from">First of the piece.</param>
    /// <param name="to">Behind its last.</param>
    public bool TryTake(int total, int least, out int from, out int to)
    {
        (from, to) = (Volatile.Read(ref _taken), 0);
        while (from < total)
        {
            var size = _shares == 1 ? total : Math.Max(least, (total - from) / (2 * _shares) / least * least);
            to = Math.Min(total, from + size);
            var seen = Interlocked.CompareExchange(ref _taken, to, from);
            if (seen == from) return true;
            from = seen;
        }
        return false;
    }
}
