using System.Globalization;
using PeftSharp.Data;
using PeftSharp.Metrics;
using PeftSharp.Runs.Recipes;
using PeftSharp.Training;

namespace PeftSharp.Runs.Training;

/// <summary>The one remark on a run that learnt nothing, or of which nobody knows, with the next thing to try.</summary>
internal static class LearningRemark
{
    private const int FewSteps = 60;

    /// <summary>The remark; null where none is due.</summary>
    public static string? Of(
        TrainSettings settings, TextDataset train, TextDataset? held, bool full, TrainingResult result, EvaluationResult? final,
        TrainingCurves curves)
    {
        if (result.Stopped) return null;
        var check = final is null
            ? LearningCheck.OfLoss(curves.LastLoss, train)
            : LearningCheck.OfScores(final, held!);
        var next = Next(settings, full, result, check);
        var unscored = final is null
            ? "Nothing was scored, so nobody knows how well it answers: hold rows out with "
                + $"{settings.Caller.Setting("split_shares", "0.8,0.2")}, or give {settings.Caller.Setting("eval_data")}"
            : null;
        var rows = final is null ? "the training rows" : "the rows that were scored";
        var sentence = check.Result switch
        {
            Learnt.Diverged => $"Training diverged: the loss is no number; try {next}",
            Learnt.OneAnswer =>
                $"Nothing was learnt: {rows} are all answered "
                + $"{(check.Answer < 0 ? "with one class" : $"\"{train.LabelNames![check.Answer]}\"")}, so {Headline(final!)} only "
                + $"tells how many have that label (Matthews is 0); try {next}",
            Learnt.AtChance =>
                $"Nothing was learnt: the loss on {rows} ({Figures.Score(check.Loss)}) is no better than that of guessing by "
                + $"{(train.Kind == LabelKind.Regression ? "the mean" : "the shares of the classes")} "
                + $"({Figures.Score(check.Chance)}); try {next}",
            _ => null,
        };
        if (sentence is null) return unscored is null ? null : $"{unscored}.";
        return unscored is null ? $"{sentence}." : $"{sentence}. {unscored}.";
    }

    private static string Headline(EvaluationResult scores) =>
        $"{scores.Primary} {Figures.Score(scores.Values.GetValueOrDefault(scores.Primary))}";

    private static string Next(TrainSettings settings, bool full, TrainingResult result, LearningCheck check)
    {
        var rate = settings.Rate(full);
        string Rate(double value) => settings.Caller.Setting("learning_rate", value.ToString("0.#e-0", CultureInfo.InvariantCulture));
        if (check.Result == Learnt.Diverged) return $"a lower rate ({Rate(rate / 5)})";
        if (result.Steps < FewSteps)
            return $"more steps than {result.Steps} ({settings.Caller.Setting("num_train_epochs")}, "
                + $"{settings.Caller.Setting("max_steps")})";
        if (settings.Pooling is null or "pooler") return settings.Caller.Setting("pooling", "mean");
        var usual = full ? 2e-5 : 5e-4;
        return rate <= usual ? $"a higher rate ({Rate(rate * 4)})" : $"a lower rate ({Rate(rate / 5)})";
    }
}
