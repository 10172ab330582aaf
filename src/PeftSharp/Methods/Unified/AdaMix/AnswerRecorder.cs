using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Unified.AdaMix;

/// <summary>Remembers what the head answered in the last training call, its graph with it; changes nothing.</summary>
internal sealed class AnswerRecorder : IProjectionOutput, IMergeableProjection, IDisposable
{
    private Tensor? _last;

    public Tensor Output(Tensor y, ForwardContext context)
    {
        if (!context.Training) return y;
        _last?.Dispose();
        _last = y.view(y.shape).DetachFromDisposeScope();
        return y;
    }

    public Tensor MergedWeight(Tensor weight, ForwardContext context) => weight;

    /// <summary>The answer, [rows, classes], in the caller's dispose scope; null where rows have no answer among classes.</summary>
    /// <param name="single">True if one class holds: an output alone is a number then, and no class.</param>
    public Tensor? Take(bool single)
    {
        using var found = _last;
        _last = null;
        if (found is null || single && found.shape[^1] == 1) return null;
        var isOne = found.dim() == 2 || (found.dim() == 3 && found.shape[1] == 1);
        return isOne ? found.view(-1, found.shape[^1]) : null;
    }

    public void Dispose()
    {
        _last?.Dispose();
        _last = null;
    }
}
