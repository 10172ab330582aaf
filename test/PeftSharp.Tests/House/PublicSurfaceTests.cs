using PeftSharp.Composition;

namespace PeftSharp.Tests.House;

/// <summary>What users can call is recorded in the repository, so that no change of it goes unseen.</summary>
public sealed class PublicSurfaceTests
{
    [Fact]
    public void The_Public_Surface_Is_What_Is_Recorded() => Recorded.Check(
        TestPaths.RequireRepository("src", "PeftSharp", "PublicApi.txt"),
        string.Concat(PublicSurface.Of(typeof(PeftModel).Assembly).Select(line => $"{line}\n")),
        "The public surface of the library", GetType());

    [Fact]
    public void The_Record_Is_Complete_And_Tells_Signatures()
    {
        var lines = PublicSurface.Of(typeof(PublicSurfaceTests).Assembly)
            .Where(line => line.StartsWith("PeftSharp.Tests.House.Sample", StringComparison.Ordinal));
        Assert.Equal(
            [
                "PeftSharp.Tests.House.Sample : abstract class, IDisposable",
                "PeftSharp.Tests.House.Sample.#(int size) : protected",
                "PeftSharp.Tests.House.Sample.Dispose() : void",
                "PeftSharp.Tests.House.Sample.Kept : const string = \"a\"",
                "PeftSharp.Tests.House.Sample.Name { get; init; } : string",
                "PeftSharp.Tests.House.Sample.OnDone(IReadOnlyList<T> items, int? most = null, params string[] names) : "
                    + "protected virtual T",
                "PeftSharp.Tests.House.Sample.Size { get; protected set; } : int",
            ],
            lines.Order(StringComparer.Ordinal).Select(line => line.Replace("<T>(", "(", StringComparison.Ordinal)));
    }
}

/// <summary>A type of every kind of member.</summary>
public abstract class Sample(int size) : IDisposable
{
    /// <summary>A constant.</summary>
    public const string Kept = "a";

    /// <summary>A property that is set once.</summary>
    public string Name { get; init; } = "";

    /// <summary>A property that derived classes set.</summary>
    public int Size { get; protected set; } = size;

    /// <inheritdoc/>
    public void Dispose() => GC.SuppressFinalize(this);

    /// <summary>A method for derived classes.</summary>
    protected virtual T OnDone<T>(IReadOnlyList<T> items, int? most = null, params string[] names) => items[0];

    internal void Hidden() => Dispose();
}
