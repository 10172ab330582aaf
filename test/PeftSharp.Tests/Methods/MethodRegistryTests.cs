using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;

namespace PeftSharp.Tests.Methods;

/// <summary>What is refused; a method that is taken is built and run by <c>ProgramTests</c>, in a process of its own.</summary>
public sealed class MethodRegistryTests
{
    private static readonly MethodInfo Mine = new()
    {
        Name = "mine",
        Family = MethodFamily.Additive,
        PeftType = "MINE",
        Paper = "none",
        Sites = "none",
        Summary = "none",
        Formula = "none",
        OptionsType = typeof(MineOptions),
    };

    [Theory]
    [InlineData("lora", "MINE", "The name \"lora\" is taken by the method \"lora\"")]
    [InlineData("Houlsby", "MINE", "The name \"Houlsby\" is taken by the method \"bottleneck\"")]
    [InlineData("mine", "LORA", "its settings say \"MINE\"")]
    [InlineData(" ", "MINE", "an empty name")]
    public void Names_That_Are_Taken_Or_Contradict_Are_Refused(string name, string peftType, string expected) =>
        Refused(Mine with { Name = name, PeftType = peftType }, expected);

    [Fact]
    public void An_Alias_And_A_Preset_May_Not_Be_Taken_Either()
    {
        Refused(Mine with { Aliases = ["full"] }, "The name \"full\" is taken");
        Refused(Mine with { Presets = new Dictionary<string, Func<MethodOptions>> { ["Pfeiffer"] = () => new MineOptions() } },
            "The name \"Pfeiffer\" is taken");
    }

    [Fact]
    public void Settings_Are_Of_A_Type_That_Can_Be_Made()
    {
        Refused(Mine with { OptionsType = typeof(string) }, "derives from MethodOptions");
        Refused(Mine with { OptionsType = typeof(MethodOptions) }, "derives from MethodOptions");
        Refused(Mine with { OptionsType = typeof(WithoutDefaults) }, "a constructor without parameters");
    }

    private static void Refused(MethodInfo method, string expected)
    {
        var before = MethodRegistry.All;
        Assert.Contains(expected, Assert.Throws<PeftException>(() => MethodRegistry.Add(method)).Message);
        Assert.Same(before, MethodRegistry.All);
    }

    [Fact]
    public void What_Is_Known_May_Be_Added_Again()
    {
        var before = MethodRegistry.All;
        MethodRegistry.Add(LoraMethod.Info);
        Assert.Same(before, MethodRegistry.All);
    }

    private sealed record MineOptions : MethodOptions
    {
        public override string PeftType => "MINE";

        public override void Validate() { }

        public override PeftMethod Create(string name) => throw new NotSupportedException();
    }

    private sealed record WithoutDefaults(int Rank) : MethodOptions
    {
        public override string PeftType => "MINE";

        public override void Validate() { }

        public override PeftMethod Create(string name) => throw new NotSupportedException();
    }
}
