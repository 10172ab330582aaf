using PeftSharp.Cli.Training;
using PeftSharp.Composition;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Tests.Runs;

/// <summary>Every recipe of the repository is read with the program's own reader, and its method attached to a tiny model.</summary>
public sealed class RecipeFilesTests
{
    public static TheoryData<string> Recipes =>
        [.. (Folder is null ? ["none"] : Directory.GetFiles(Folder, "*.yaml").Select(f => Path.GetFileName(f))).Order()];

    [Theory]
    [MemberData(nameof(Recipes))]
    public void Recipe_Is_Read_And_Its_Method_Fits(string name)
    {
        Assert.SkipWhen(Folder is null, "The repository's recipes are not above the test's folder.");
        var file = Path.Combine(Folder, name);
        var settings = new TrainSettings();
        RecipeFile.Apply(file, settings);
        var options = MethodName.Options(settings.Method!);
        RecipeFile.CheckMethodKeys(file, settings, options);
        options = MethodSettings.With(options, settings.Method!, settings.MethodSettings, file);
        settings.ForTrainer(false, true).Validate();

        var model = new PeftModel(
            ModelLoader.Load(
                TestPaths.Fixture("models", "bert"), new ModelOptions { Task = TaskKind.Classification, Labels = ["a", "b"] }));
        Assert.NotEmpty(model.Add(options).Tensors);
    }

    private static string? Folder { get; } = Find();

    private static string? Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "PeftSharp.slnx"))) return Path.Combine(folder.FullName, "recipes");
        return null;
    }
}
