using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Additive.Prefix;
using PeftSharp.Methods.Hybrid.Fusion;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Runs;
using PeftSharp.Runs.Recipes;
using PeftSharp.Sites;
using PeftSharp.Tests.Cli;

namespace PeftSharp.Tests.Runs.Recipes;

/// <summary>
/// Unions as their users write them, and settings that peft's files have no place for: reached from recipes and <c>--set</c>.
/// </summary>
public sealed class UnionSettingsTests : IDisposable
{
    private const string Written = "lora|prefix_tuning|seq_bn";

    private readonly CliFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void The_Command_Line_Trains_A_Union_And_Its_Parts_Have_Their_Settings()
    {
        var result = _folder.TrainTo(
            "union", "--method", Written, "--set", "lora.r=4", "prefix_tuning.num_virtual_tokens=5", "seq_bn.reduction_factor=8",
            "--epochs", "2", "--json")
            .Succeeds();
        Assert.Equal(Written, (string?)result.Json["settings"]!["method"]);
        Assert.Equal(
            (4, 5, 8),
            (
                (int)result.Json["settings"]!["method_settings"]!["lora.r"]!,
                (int)result.Json["settings"]!["method_settings"]!["prefix_tuning.num_virtual_tokens"]!,
                (int)result.Json["settings"]!["method_settings"]!["seq_bn.reduction_factor"]!));
        var saved = (UnionOptions)AdapterFolder.Open(_folder.File_("union")).Options;
        Assert.Equal(
            (4, 5, 8.0),
            (
                ((LoraOptions)saved.Parts[0]).Rank, ((PrefixOptions)saved.Parts[1]).VirtualTokens,
                ((BottleneckOptions)saved.Parts[2]).ReductionFactor));
        using var predictor = Predictor.Load(_folder.File_("union"));
        Assert.Equal(2, predictor.Labels.Count);
    }

    [Fact]
    public void A_Recipe_Holds_Settings_Of_Parts_Either_Way_And_A_Run_Goes_On_With_Them()
    {
        var recipe = _folder.File_("recipe.yaml");
        File.WriteAllText(recipe, $"""
            base_model: {_folder.Model}
            data: {_folder.Train}
            method: {Written}
            lora.r: 2
            seq_bn:
              reduction_factor: 4
              non_linearity: gelu
            prefix: [oops]
            """);
        Assert.Contains(
            "\"prefix\" is \"[\"oops\"]\"; expected settings of that part",
            Assert.Throws<SettingsException>(() => Recipe.Load(recipe).Run(cancellation: Cancellation)).Message);
        File.WriteAllText(
            recipe,
            File.ReadAllText(recipe)
                .Replace(
                    "prefix: [oops]", "prefix_tuning: {num_virtual_tokens: 3, dropout: 0.1}\nmax_steps: 6\nsave_steps: 2\ncompute: fp32",
                    StringComparison.Ordinal));
        Recipe.Load(recipe).To(_folder.File_("whole")).Run(cancellation: Cancellation).Dispose();
        var parts = ((UnionOptions)AdapterFolder.Open(_folder.File_("whole")).Options).Parts;
        Assert.Equal(
            (2, 3, 0.1, "gelu"),
            (
                ((LoraOptions)parts[0]).Rank, ((PrefixOptions)parts[1]).VirtualTokens, ((PrefixOptions)parts[1]).Dropout,
                ((BottleneckOptions)parts[2]).NonLinearity));
        using var source = new CancellationTokenSource();
        Recipe.Load(recipe).To(_folder.File_("cut")).Run(new Cutting(3, source), source.Token).Dispose();
        Run.Resume(_folder.File_("cut"), cancellation: Cancellation).Dispose();
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(_folder.File_("whole"), "adapter.safetensors")),
            File.ReadAllBytes(Path.Combine(_folder.File_("cut"), "adapter.safetensors")));
    }

    [Theory]
    [InlineData("lora|", "empty part")]
    [InlineData("lora|seq_bn|lora", "names lora twice")]
    [InlineData("lora|mam", "the union mam as a part")]
    [InlineData("lora|lara", "no method \"lara\"; did you mean \"lora\"")]
    public void An_Expression_That_Is_No_Union_Is_Refused(string written, string sentence) =>
        Assert.Contains(sentence, Assert.Throws<SettingsException>(() => MethodName.Options(written)).Message);

    [Fact]
    public void A_Fusion_Is_Not_Looked_For_Among_The_Methods_That_The_Tool_Lists()
    {
        var sentence = Assert.Throws<SettingsException>(
            () => MethodSettings.With(new FusionOptions(), "fusion", [new("rank", "3")], "--set")).Message;
        Assert.DoesNotContain("peft methods", sentence);
        Assert.Contains(MethodSettings.Of(typeof(FusionOptions))[0].Name, sentence);
    }

    [Theory]
    [InlineData("r", "has no setting \"r\"")]
    [InlineData("lora.rank", "\"lora\" has no setting \"rank\"")]
    [InlineData("bitfit.bias", "has no setting \"bitfit.bias\"")]
    [InlineData("lora", "expected settings of that part, such as lora.r=VALUE")]
    public void A_Setting_That_No_Part_Has_Is_Refused(string name, string sentence) =>
        Assert.Contains(
            sentence,
            Assert.Throws<SettingsException>(
                () => MethodSettings.With(MethodName.Options(Written), Written, [new(name, "3")], "--set")).Message);

    [Fact]
    public void Parts_Of_Presets_Are_Reached_By_Their_Methods_Names()
    {
        var changed = (UnionOptions)MethodSettings.With(
            MethodName.Options("unipelt"), "unipelt",
            [new("lora.r", "2"), new("prefix_tuning.shared_gating", "false"), new("bottleneck", "{\"reduction_factor\": 4}")], "--set");
        Assert.Equal(
            (2, true), (changed.Parts.OfType<LoraOptions>().Single().Rank, changed.Parts.OfType<LoraOptions>().Single().UseGating));
        Assert.False(changed.Parts.OfType<PrefixOptions>().Single().SharedGating);
        Assert.Equal(4, changed.Parts.OfType<BottleneckOptions>().Single().ReductionFactor);
    }

    [Fact]
    public void Every_Setting_That_A_Layout_Holds_Is_Reached()
    {
        // What is left out is filled in by the library, or is a file as it was read.
        string[] filled = ["Hub", "Parts", "Format", "Layouts", "InitTokens"];
        var open = from method in MethodRegistry.All
                   let known = MethodSettings.Of(method.OptionsType).Select(s => s.Property.Name).ToHashSet()
                   from property in method.OptionsType.GetProperties()
                   where property.CanWrite
                       && property.GetMethod!.IsPublic
                       && property.GetCustomAttributes(typeof(System.Text.Json.Serialization.JsonIgnoreAttribute), true).Length > 0
                   where !known.Contains(property.Name) && !filled.Contains(property.Name)
                   select $"{method.Name}.{property.Name}";
        Assert.Empty(open);
    }

    [Fact]
    public void Roles_And_Prefix_Dropout_Are_Set_By_Name_Saved_And_Told_Apart()
    {
        var result = _folder.TrainTo("roles", "--set", "roles=query,attention_output", "--epochs", "1", "--json").Succeeds();
        Assert.Equal(
            ["query", "attention_output"], result.Json["settings"]!["method_settings"]!["roles"]!.AsArray().Select(r => (string?)r));
        using (var file = PeftSharp.Files.SafetensorsFile.Open(Path.Combine(_folder.File_("roles"), "adapter_model.safetensors")))
        {
            Assert.Contains(file.Tensors.Keys, k => k.Contains("attention.output.dense", StringComparison.Ordinal));
            Assert.DoesNotContain(file.Tensors.Keys, k => k.Contains("value", StringComparison.Ordinal));
        }
        var sentence = Assert.Throws<SettingsException>(
            () => MethodSettings.With(new LoraOptions(), "lora", [new("roles", "query,keys")], "--set")).Message;
        Assert.Contains("expected a list of query, key, value, attention_output", sentence);
        Assert.Equal(
            [ProjectionRole.Query],
            ((LoraOptions)MethodSettings.With(new LoraOptions(), "lora", [new("roles", "[\"query\"]")], "--set")).Roles!);
        // Another dropout of the prefix is another run, though peft's file has no place for it.
        _folder.TrainTo("prefix", "--method", "prefix_tuning_flat", "--set", "dropout=0.1", "--max-steps", "4", "--save-steps", "2")
            .Succeeds();
        Assert.Equal(0.1, ((PrefixOptions)AdapterFolder.Open(_folder.File_("prefix")).Options).Dropout);
        using var source = new CancellationTokenSource();
        var tuning = FineTuning.Of(_folder.Model)
            .With("prefix_tuning_flat")
            .On(_folder.Train)
            .Set("compute", "fp32")
            .Steps(4)
            .Set("save_steps", "1")
            .To(_folder.File_("cut"));
        tuning.Set("dropout", "0.1").Run(new Cutting(2, source), source.Token).Dispose();
        Assert.Contains(
            "dropout",
            Assert.ThrowsAny<PeftException>(() => tuning.Set("dropout", "0.2").Resuming().Run(cancellation: Cancellation)).Message);
    }

    [Fact]
    public void A_Union_That_A_Program_Makes_Goes_On_From_Its_Folder()
    {
        var union = new UnionOptions
        {
            Parts = [new LoraOptions { Rank = 3, Roles = [ProjectionRole.Key] }, new BottleneckOptions { ReductionFactor = 4 }],
        };
        var tuning = FineTuning.Of(_folder.Model).With(union).On(_folder.Train).Set("compute", "fp32").Steps(5).Set("save_steps", "1");
        tuning.To(_folder.File_("whole")).Run(cancellation: Cancellation).Dispose();
        using var source = new CancellationTokenSource();
        tuning.To(_folder.File_("cut")).Run(new Cutting(3, source), source.Token).Dispose();
        Run.Resume(_folder.File_("cut"), cancellation: Cancellation).Dispose();
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(_folder.File_("whole"), "adapter.safetensors")),
            File.ReadAllBytes(Path.Combine(_folder.File_("cut"), "adapter.safetensors")));
    }

    public void Dispose() => _folder.Dispose();

    private sealed class Cutting(long after, CancellationTokenSource source) : RunObserver
    {
        public override void StepCompleted(PeftSharp.Training.StepReport step)
        {
            if (step.Step == after) source.Cancel();
        }
    }
}
