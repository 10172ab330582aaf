using PeftSharp.Models;
using PeftSharp.Models.Heads;

namespace PeftSharp.Tests.Docs;

/// <summary>docs/models.md says of every architecture which heads it has.</summary>
public sealed class ModelsPageTests
{
    private static readonly TaskKind[] Columns =
    [
        TaskKind.Embedding, TaskKind.Classification, TaskKind.TokenClassification, TaskKind.QuestionAnswering, TaskKind.CausalLanguage,
            TaskKind.SequenceToSequence,
    ];

    private static readonly string[] Rows = [.. File.ReadAllLines(TestPaths.RequireRepository("docs", "models.md"))
        .Where(line => line.StartsWith("| `", StringComparison.Ordinal)).Skip(1)];

    public static TheoryData<string> Names => new(ModelLoader.Supported);

    [Theory]
    [MemberData(nameof(Names))]
    public void Says_Which_Heads_There_Are(string modelType)
    {
        var row = Assert.Single(Rows, line => line.StartsWith($"| `{modelType}` |", StringComparison.Ordinal));
        var said = row.Split('|')[3..9].Select(cell => cell.Trim() == "yes");

        Assert.Equal(Columns.Select(Architectures.Find(modelType)!.Tasks.Contains), said);
    }

    [Fact]
    public void Names_Nothing_Else() => Assert.Equal(ModelLoader.Supported.Count, Rows.Length);
}
