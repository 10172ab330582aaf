using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Generation;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Generation;

/// <summary>Greedy and beam-search answers of the reference implementation, token for token, with a cache and without.</summary>
public sealed class ReferenceAnswersTests
{
    public static TheoryData<string, int, bool> Cases
    {
        get
        {
            var data = new TheoryData<string, int, bool>();
            var count = new Dictionary<string, int>();
            foreach (var entry in Entries)
            {
                var model = (string)entry["model"]!;
                var index = count[model] = count.GetValueOrDefault(model, -1) + 1;
                if (!Directory.Exists(TestPaths.Fixture("models", model))) continue;
                data.Add(model, index, true);
                data.Add(model, index, false);
            }
            return data;
        }
    }

    private static IEnumerable<JsonNode> Entries =>
        ((JsonArray)JsonNode.Parse(File.ReadAllText(TestPaths.Fixture("generation.json")))!)!.OfType<JsonNode>();

    [Theory]
    [MemberData(nameof(Cases))]
    public void Answers_Are_The_References(string model, int index, bool cache)
    {
        var entry = Entries.Where(e => (string)e["model"]! == model).ElementAt(index);
        var prompt = Ids(entry["prompt"]!);
        using var peft = new PeftModel(ModelLoader.Load(TestPaths.Fixture("models", model),
            new()
            {
                Precision = ScalarType.Float64,
                Task = model.StartsWith("t5", StringComparison.Ordinal) ? TaskKind.SequenceToSequence
            : TaskKind.CausalLanguage
            }));
        // An encoder–decoder's answer begins with what its decoder reads first.
        int[] start = peft.Model.Head.Kind == TaskKind.SequenceToSequence ? [0] : [];
        foreach (var (field, beams) in ((string, int)[])[("greedy", 1), ("beam3", 3)])
        {
            if (entry[field] is not { } expected) continue;
            var wanted = Ids(expected);
            var options = new GenerationOptions { MaxNewTokens = wanted.Length - start.Length, Beams = beams, EndIds = [], Cache = cache };
            var answer = Assert.Single(new TokenGenerator(peft).Generate([prompt], options));
            Assert.Equal(wanted, (int[])[.. start, .. answer.Ids]);
            Assert.Equal(StopReason.Length, answer.Reason);
        }
    }

    // In float32, where layers of Llama's kind read each new token in one pass, the rows of a beam search beside each other; and layer by
    // layer.
    [Theory]
    [MemberData(nameof(Cases))]
    public void Answers_In_One_Pass_Are_The_References(string model, int index, bool cache)
    {
        if (model.StartsWith("t5", StringComparison.Ordinal)) return;
        var entry = Entries.Where(e => (string)e["model"]! == model).ElementAt(index);
        using var peft = new PeftModel(ModelLoader.Load(TestPaths.Fixture("models", model), new() { Task = TaskKind.CausalLanguage }));
        if (peft.Model is not LlamaModel { Decoding: { } pass }) return;
        foreach (var (field, beams, isOn) in ((string, int, bool)[])
            [("greedy", 1, true), ("beam3", 3, true), ("greedy", 1, false), ("beam3", 3, false)])
        {
            if (entry[field] is not { } expected) continue;
            var (wanted, before) = (Ids(expected), pass.Steps);
            pass.IsOn = isOn;
            var options = new GenerationOptions { MaxNewTokens = wanted.Length, Beams = beams, EndIds = [], Cache = cache };
            Assert.Equal(wanted, Assert.Single(new TokenGenerator(peft).Generate([Ids(entry["prompt"]!)], options)).Ids);
            Assert.Equal(cache && isOn ? wanted.Length - 1 : 0, pass.Steps - before);
        }
    }

    [Fact]
    public void Some_Cases_Are_Here() => Assert.True(Cases.Count >= 8);

    private static int[] Ids(JsonNode array) => [.. array.AsArray().Select(id => (int)id!)];
}
