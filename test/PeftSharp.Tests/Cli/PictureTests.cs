using PeftSharp.Cli.Analysis;
using PeftSharp.Cli.Pictures;
using PeftSharp.Cli.Quickstart;
using PeftSharp.Cli.Training;
using PeftSharp.Runs;
using PeftSharp.Training;
using ScottPlot;
using ScottPlot.Panels;

namespace PeftSharp.Tests.Cli;

/// <summary>Pictures: the legend lies beside the data, names fit, and what no font can draw is numbered.</summary>
public sealed class PictureTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    [InlineData(20)]
    public void The_legend_of_a_spectrum_lies_outside_of_its_curves(int layers)
    {
        var plot = SpectrumPlot.Draw(
            [.. Enumerable.Range(0, layers).Select(i => ($"layer {i}", new[] { 1.0, 0.5, 0.1 / (i + 1) }))], "singular values");
        LegendIsOutside(plot);
        Assert.Equal(Math.Min(layers, 12), plot.PlottableList.SelectMany(p => p.LegendItems).Count(i => i.LabelText.Length > 0));
    }

    [Fact]
    public void The_legends_of_a_run_lie_outside_of_its_curves()
    {
        var run = new TrainingCurves();
        for (var step = 1; step <= 40; step++) run.StepCompleted(new(step, 40, 1, 2.0 / step, 1, 1, 1, 1, default, default));
        for (var step = 10; step <= 40; step += 10)
            run.Evaluated(
                step,
                new EvaluationResult(
                    new Dictionary<string, double> { ["loss"] = 1.0 / step, ["accuracy"] = step / 50.0 }, "accuracy", true, 10, 1.0),
                isBest: true);
        LegendIsOutside(LossPlot.Draw(run));
        LegendIsOutside(CurvePlot.Draw(run));
    }

    [Fact]
    public void Names_that_no_font_has_are_numbered_and_long_ones_shortened()
    {
        Assert.Equal(["negative", "positive"], PictureStyle.Names(["negative", "positive"], 20));
        Assert.Equal(["delivery-…he-parcel"], PictureStyle.Names(["delivery-of-something-very-long-in-the-parcel"], 19));
        // A private-use letter is in no font.
        Assert.Equal(["negative", "#2"], PictureStyle.Names(["negative", "\uE9A7"], 20));
        var korean = PictureStyle.Names(["긍정", "부정"], 20);
        Assert.Equal(PictureStyle.CanDraw("긍정부정") ? ["긍정", "부정"] : ["#1", "#2"], korean);
    }

    [Fact]
    public void A_heat_map_has_room_for_its_names()
    {
        var values = new double[12, 20];
        var columns = Enumerable.Range(0, 20).Select(i => $"encoder.layer.attention.self.query.{i}").ToList();
        var (plot, pixels) = HeatMap.Draw(values, [.. Enumerable.Range(0, 12).Select(i => $"layer {i}")], columns, "norms", "", "");
        plot.RenderInMemory(pixels.Width, pixels.Height);
        var data = plot.RenderManager.LastRender.DataRect;
        Assert.True(pixels.Height - data.Bottom > 150, $"{pixels.Height - data.Bottom} pixels below the cells");
        Assert.True(data.Width / 20 >= 40 && data.Height / 12 >= 20, $"cells of {data.Width / 20} × {data.Height / 12}");
    }

    private static void LegendIsOutside(Plot plot)
    {
        var panel = Assert.Single(plot.Axes.GetPanels().OfType<LegendPanel>());
        plot.RenderInMemory(900, 500);
        var data = plot.RenderManager.LastRender.DataRect;
        Assert.True(panel.Edge == Edge.Bottom ? data.Bottom < 460 : data.Right < 860, $"{panel.Edge}: {data}");
        Assert.True(data.Width > 450 && data.Height > 300, $"the data has {data.Width} × {data.Height}");
    }
}
