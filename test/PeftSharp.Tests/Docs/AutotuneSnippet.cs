using PeftSharp.Runs;
using PeftSharp.Runs.Autotuning;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippet of docs/autotune.md.</summary>
internal static class AutotuneSnippet
{
    internal static void Search()
    {
        var search = Autotune.Run(new AutotunePlan
        {
            Common = new() { ["base_model"] = "models/bert-base", ["data"] = "data/MRPC" },
            Space = SearchSpace.Parse("seq_bn=0,8,64 lora=0,4,16"),
            Strategy = AutotuneStrategy.Bayes,
            Budget = 20,
        }, "runs/search");
        foreach (var trial in search.Front) Console.WriteLine($"{trial.Weights} {trial.Score} {trial.Description}");
        using var found = Recipe.Load(search.RecipeFile!).To("runs/found").Run();
    }
}
