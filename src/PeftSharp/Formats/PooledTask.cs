using PeftSharp.Methods;
using PeftSharp.Methods.Layouts;
using PeftSharp.Models;
using PeftSharp.Models.Heads;

namespace PeftSharp.Formats;

/// <summary>
/// peft's SEQ_CLS means Hugging Face's own class, which answers from the model's pooler. An adapter that was trained on the mean of the
/// tokens, or on the first one without a pooler, has a task of its own in its settings: Python's libraries refuse it instead of answering
/// otherwise in silence.
/// </summary>
internal static class PooledTask
{
    private const string Sequence = "SEQ_CLS", Ending = "_POOLING";

    /// <summary>True if Hugging Face's class would answer otherwise.</summary>
    public static bool IsFor(PeftMethod method) =>
        method.Options.TaskType == Sequence && method.Host.FlexibleHead is null && method.Card is { } text
            && AnswerCard.Parse(text, "the adapter").IsApart(method.Host.ModelType);

    /// <summary>The settings as they are written.</summary>
    public static MethodOptions Written(PeftMethod method)
    {
        var options = ((PeftLayout)method.Layout(AdapterFormat.Peft)).SavedOptions(method);
        return IsFor(method) ? options with { TaskType = Name(AnswerCard.Parse(method.Card!, "the adapter").Pooling) } : options;
    }

    /// <summary>The settings as they are used, and the pooling that their task names.</summary>
    public static (MethodOptions Options, Pooling? Pooling) Read(MethodOptions options)
    {
        foreach (var pooling in (Pooling[])[Pooling.Mean, Pooling.Cls])
            if (options.TaskType == Name(pooling)) return (options with { TaskType = Sequence }, pooling);
        return (options, null);
    }

    private static string Name(Pooling pooling) => $"{Sequence}_{pooling.ToString().ToUpperInvariant()}{Ending}";
}
