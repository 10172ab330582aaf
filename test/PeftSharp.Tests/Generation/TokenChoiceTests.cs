using PeftSharp.Generation;

namespace PeftSharp.Tests.Generation;

public sealed class TokenChoiceTests
{
    // Probabilities 0.4, 0.3, 0.2, 0.06, 0.04, in another order.
    private static readonly double[] Shares = [0.06, 0.4, 0.04, 0.3, 0.2];

    private static double[] Logits => [.. Shares.Select(share => Math.Log(share) + 7)];

    [Fact]
    public void Tokens_Are_Drawn_As_Often_As_They_Are_Likely()
    {
        var choice = new TokenChoice(new() { Temperature = 1 });
        var count = new int[5];
        const int draws = 20_000;
        for (var step = 0; step < draws; step++) count[choice.Next(Logits, [], 3, step)]++;
        for (var i = 0; i < 5; i++) Assert.Equal(Shares[i], (double)count[i] / draws, 0.02);
    }

    [Theory]
    [InlineData(0.39, 1)]
    [InlineData(0.41, 3)]
    [InlineData(0.71, 4)]
    [InlineData(0.91, 0)]
    [InlineData(0.99, 2)]
    public void Tokens_Lie_Side_By_Side(double at, int expected) =>
        Assert.Equal(expected, new TokenChoice(new() { Temperature = 1 }).Draw(Logits, at));

    [Fact]
    public void Temperature_Sharpens()
    {
        // Squared and made to sum to 1: 0.16 of 0.2952, 0.09, 0.04 …
        var choice = new TokenChoice(new() { Temperature = 0.5 });
        Assert.Equal(1, choice.Draw(Logits, 0.54));
        Assert.Equal(3, choice.Draw(Logits, 0.55));
    }

    [Theory]
    [InlineData(0, 0.69, 0, 2)]
    [InlineData(0, 0.71, 0, 3)]
    [InlineData(0, 0.01, 0, 1)]
    [InlineData(2, 1, 0, 2)]
    [InlineData(9, 1, 0, 5)]
    [InlineData(3, 0.5, 0, 2)]    // of 0.444, 0.333, 0.222
    [InlineData(0, 1, 0.6, 2)]
    [InlineData(0, 1, 0.1, 5)]
    [InlineData(0, 1, 1, 1)]
    public void Unlikely_Tokens_Are_Left_Out(int topK, double topP, double minP, int kept)
    {
        var choice = new TokenChoice(new() { Temperature = 1, TopK = topK, TopP = topP, MinP = minP });
        int[] order = [1, 3, 4, 0, 2];
        var drawn = Enumerable.Range(0, 1000).Select(i => choice.Draw(Logits, i / 1000.0)).Distinct().ToHashSet();
        Assert.Equal(order[..kept].ToHashSet(), drawn);
    }

    [Fact]
    public void A_Row_Draws_The_Same_Whatever_Stands_Beside_It()
    {
        var (one, other) = (new TokenChoice(new() { Temperature = 1, Seed = 5 }), new TokenChoice(new() { Temperature = 1, Seed = 6 }));
        int[] Row(TokenChoice choice, int row) => [.. Enumerable.Range(0, 40).Select(step => choice.Next(Logits, [], row, step))];
        Assert.Equal(Row(one, 2), Row(one, 2));
        Assert.NotEqual(Row(one, 2), Row(one, 1));
        Assert.NotEqual(Row(one, 2), Row(other, 2));
    }

    [Fact]
    public void Repetition_Is_Penalised_Once_Whatever_The_Sign()
    {
        double[] logits = [2, -2, 3, 0];
        TokenChoice.Penalise(logits, [0, 1, 0, 0], 2);
        Assert.Equal([1, -4, 3, 0], logits);
        Assert.Equal(0, new TokenChoice(new() { RepetitionPenalty = 4 }).Next([2, 0, 3], [2], 0, 0));
    }

    [Fact]
    public void Logits_That_Are_No_Numbers_Are_Refused()
    {
        Assert.Contains("NaN", Assert.Throws<PeftException>(() => TokenChoice.Likeliest([double.NaN, double.NaN])).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("max_new_tokens")]
    [InlineData("temperature")]
    [InlineData("top_p")]
    [InlineData("min_p")]
    [InlineData("repetition_penalty")]
    [InlineData("beams")]
    [InlineData("stop text")]
    [InlineData("beam search draws nothing")]
    [InlineData("which always takes the likeliest")]
    public void Settings_That_Mean_Nothing_Are_Refused(string said)
    {
        GenerationOptions options = said switch
        {
            "max_new_tokens" => new() { MaxNewTokens = 0 },
            "temperature" => new() { Temperature = double.NaN },
            "top_p" => new() { TopP = 0, Temperature = 1 },
            "min_p" => new() { MinP = 2, Temperature = 1 },
            "repetition_penalty" => new() { RepetitionPenalty = 0 },
            "beams" => new() { Beams = 65 },
            "stop text" => new() { Stop = [""] },
            "beam search draws nothing" => new() { Beams = 2, Temperature = 1 },
            _ => new() { TopK = 5 },
        };
        Assert.Contains(said, Assert.Throws<PeftException>(options.Validate).Message, StringComparison.Ordinal);
    }
}
