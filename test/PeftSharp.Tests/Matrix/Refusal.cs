using PeftSharp.Sites;

namespace PeftSharp.Tests.Matrix;

/// <summary>Law 10: an operation that is refused says why in one sentence and changes nothing.</summary>
internal static class Refusal
{
    /// <summary>Runs what must be refused; the message has to contain each of the given parts.</summary>
    public static string Of(Bench bench, Action refused, params string[] parts)
    {
        var (plain, tensors) = (bench.Logits(AdapterSelection.None), bench.BaseTensors());
        var (adapters, plugins, merged) = (bench.Peft.Adapters.Keys.ToList(), bench.Plugins, bench.Peft.Merged);
        var message = Sentence(refused, parts);
        Assert.Equal(adapters, bench.Peft.Adapters.Keys);
        Assert.Equal(plugins, bench.Plugins);
        Assert.Equal(merged, bench.Peft.Merged);
        Bits.AssertSame(tensors, bench.BaseTensors());
        Bits.AssertSame(plain, bench.Logits(AdapterSelection.None), "The base's output after the refusal");
        return message;
    }

    /// <summary>Only the sentence, where there is no model to be changed.</summary>
    public static string Sentence(Action refused, params string[] parts)
    {
        var message = Assert.Throws<PeftException>(refused).Message;
        RequireSentence(message);
        foreach (var part in parts) Assert.Contains(part, message);
        return message;
    }

    /// <summary>What a refusal says is one sentence on one line.</summary>
    public static void RequireSentence(string message)
    {
        Assert.DoesNotContain("\n", message);
        Assert.EndsWith(".", message);
    }
}
