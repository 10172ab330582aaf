using PeftSharp.Hub;
using PeftSharp.Runs;
using PeftSharp.Tests.Cli;
using PeftSharp.Tests.Hub;

namespace PeftSharp.Tests.Runs;

/// <summary>A predictor finds its base, and an adapter, by their names on a hub.</summary>
public sealed class PredictorHubTests : HubTestBase
{
    [Fact]
    public void An_Adapter_Whose_Base_Is_On_The_Hub_Answers_Without_More()
    {
        using var folder = new CliFolder();
        var adapter = folder.File_("adapter");
        FineTuning.Of(folder.Model)
            .On(folder.Train)
            .Rate(2e-2)
            .Steps(20)
            .Set("compute", "fp32")
            .To(adapter)
            .Run(cancellation: TestContext.Current.CancellationToken)
            .Dispose();
        using var here = Predictor.Load(adapter);
        var config = Path.Combine(adapter, "adapter_config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace(folder.Model, "me/tiny", StringComparison.Ordinal));
        Hub.Add("me/tiny", Files(folder.Model));
        Hub.Add("me/adapter", Files(adapter));
        var options = new LoadOptions { Hub = Settings };
        using var there = Predictor.Load(adapter, options: options);
        using var named = Predictor.Load("me/adapter", options: options);
        foreach (var predictor in (Predictor[])[there, named])
            Assert.Equal(Answer(here), Answer(predictor));
        Assert.Contains("me/none", Assert.ThrowsAny<PeftException>(() => Predictor.Load("me/none", options: options)).Message);
        File.WriteAllText(config, File.ReadAllText(config).Replace("me/tiny", "a base/somewhere/else", StringComparison.Ordinal));
        Assert.Contains("which is no folder here", Assert.Throws<PeftException>(() => Predictor.Load(adapter, options: options)).Message);
    }

    private static (string?, double) Answer(Predictor predictor)
    {
        var answer = predictor.Predict("the film is great");
        return (answer.Label, answer.Probability);
    }

    private static (string, byte[])[] Files(string folder) =>
        [.. Directory.GetFiles(folder).Select(f => (Path.GetFileName(f), File.ReadAllBytes(f)))];
}
