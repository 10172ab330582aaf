using PeftSharp.Data;
using PeftSharp.Runs.Autotuning;
using PeftSharp.Tests.Cli;

namespace PeftSharp.Tests.Runs.Autotuning;

/// <summary>Search spaces: how they are written, and what their points become.</summary>
public sealed class SearchSpaceTests
{
    [Fact]
    public void Points_Become_Settings_Of_A_Method_Or_Of_A_Union()
    {
        var space = new ConfigurationSpace(SearchSpace.Parse("seq_bn=0,8,64 lora=0,4 learning_rate=1e-3,1e-2"), layers: 3);
        // Axes: seq_bn, lora, learning_rate, three layers.
        Assert.Equal(
            """{"method":"lora","r":4,"lora_alpha":4,"layers_to_transform":[0,2],"learning_rate":"1e-2"}""",
            space.Settings(new([0, 1, 1, 1, 0, 1])).ToJsonString());
        Assert.Equal(
            """{"method":"seq_bn","bottleneck_size":8,"learning_rate":"1e-3"}""",
            space.Settings(new([1, 0, 0, 1, 1, 1])).ToJsonString());
        Assert.Equal(
            """{"method":"seq_bn|lora","seq_bn.bottleneck_size":64,"seq_bn.leave_out":[1,2],"lora.r":4,"lora.lora_alpha":4"""
            + ""","lora.roles":["query","value"],"lora.leave_out":[1,2],"learning_rate":"1e-3"}""",
            space.Settings(new([2, 1, 0, 1, 0, 0])).ToJsonString());
        Assert.Equal("seq_bn 64, lora 4, learning_rate 1e-3, layers 0", space.Describe(new([2, 1, 0, 1, 0, 0])));
    }

    [Fact]
    public void Every_Draw_And_Neighbour_Has_A_Module_In_A_Layer()
    {
        var space = new ConfigurationSpace(SearchSpace.Parse("seq_bn=0,8 lora=0,4"), layers: 2);
        var random = new SeededRandom(1);
        var drawn = Enumerable.Range(0, 200).Select(_ => space.Draw(random, _ => true)!).Distinct().ToList();
        Assert.Equal(3 * 3, drawn.Count); // of 2 · 2 sizes one has no module, of 2 · 2 sets of layers one is empty
        Assert.All(drawn, point => Assert.All(space.Neighbours(point), near => Assert.Contains(near, drawn)));
        Assert.Null(space.Draw(random, _ => false));
    }

    [Fact]
    public void Weights_Are_Counted_Without_A_Run()
    {
        using var folder = new CliFolder();
        using var counter = new WeightCounter(folder.Model);
        Assert.Equal(2, counter.Layers);
        var space = new ConfigurationSpace(SearchSpace.Parse("seq_bn=0,8 lora=0,4"), counter.Layers);
        // Two maps of width 32 to 32 with rank 4; a bottleneck of width 8 with its biases.
        const int lora = 2 * 2 * 4 * 32, bottleneck = 2 * 8 * 32 + 8 + 32;
        Assert.Equal(2 * lora, counter.Of(space.Settings(new([0, 1, 1, 1]))));
        Assert.Equal(bottleneck, counter.Of(space.Settings(new([1, 0, 0, 1]))));
        Assert.Equal(lora + bottleneck, counter.Of(space.Settings(new([1, 1, 1, 0]))));
    }

    [Theory]
    [InlineData("", "nothing in it")]
    [InlineData("seq_bn=0 lora=0", "nothing in it")]
    [InlineData("seq_bn=0,8 seq_bn=0,16", "names seq_bn twice")]
    [InlineData("lora=8,4", "8, 4")]
    [InlineData("bitfit=0,8", "\"bitfit\"", "[0, 1]")]
    [InlineData("lora=4,x", "\"x\"", "whole numbers")]
    [InlineData("lara=0,4", "lara", "did you mean")]
    [InlineData("lora=4 learning_rate=1e-3,1e-3", "learning_rate", "different values")]
    [InlineData("lora=4 learning_rate=fast", "\"fast\"")]
    [InlineData("lora=4 layers=some", "\"some\"", "search")]
    [InlineData("lora", "nothing in it", "-")]
    [InlineData("seq", "no NAME=VALUES")]
    public void What_Cannot_Be_Searched_Is_Refused(string text, params string[] parts)
    {
        if (parts is [_, "-"])
        {
            new AutotunePlan { Space = SearchSpace.Parse(text) }.Validate(); // a name
            return;
        }
        var message = Assert.ThrowsAny<PeftException>(() => new AutotunePlan { Space = SearchSpace.Parse(text) }.Validate()).Message;
        Assert.EndsWith(".", message);
        foreach (var part in parts) Assert.Contains(part, message);
    }
}
