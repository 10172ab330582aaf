using PeftSharp.Generation;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Runs;
using PeftSharp.Tests.Life;
using PeftSharp.Tests.Matrix;

namespace PeftSharp.Tests.Generation;

/// <summary>Answers of every kind, whole or broken off, leave no tensor behind: caches of keys, beams and drawn tokens included.</summary>
[Collection(nameof(CountingTensors))]
public sealed class NothingKeptTests
{
    [Fact]
    public void Answers_Leave_Nothing_Behind_However_They_Are_Found()
    {
        using var files = new WritingModel();
        using var loaded = LoadedModel.Open(files.Model);
        foreach (var name in (string[])["a", "b"])
            Bench.Disturb(loaded.Model.Add(new LoraOptions { Rank = 4, TargetModules = new("all-linear") }, name), 0.3, 9);
        var generator = loaded.Generator(new() { MaxNewTokens = 8, EndIds = [] });
        GenerationOptions[] ways =
        [
            new() { MaxNewTokens = 8, EndIds = [] }, new() { MaxNewTokens = 8, Temperature = 1, TopK = 20, TopP = 0.9, Seed = 3 },
            new() { MaxNewTokens = 8, Beams = 3, EndIds = [] }, new() { MaxNewTokens = 8, RepetitionPenalty = 1.3, EndIds = [] },
        ];
        void Calls()
        {
            foreach (var way in ways)
            {
                generator.Generate("Number 1 is", way, loaded.Model.Select("average(a:1,b:3)"), TestContext.Current.CancellationToken);
                generator.Generate(
                    ["Number 1 is", "Which", "A longer beginning"], way, loaded.Model.SelectPerRow(["a", null, "stack(a,b)"]),
                    TestContext.Current.CancellationToken);
            }
            var pieces = generator.StreamAsync("Number 1 is", cancellation: TestContext.Current.CancellationToken);
            Assert.Equal(2, pieces.ToBlockingEnumerable(TestContext.Current.CancellationToken).Take(2).Count());
        }
        LiveTensors.OutsideScopes(() =>
        {
            Calls(); // what is made once is made here
            LiveTensors.AssertNoneLeft(() =>
            {
                for (var i = 0; i < 3; i++) Calls();
            });
        });
    }
}
