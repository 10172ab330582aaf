using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Matrix;

/// <summary>What is said of an adapter's files before they are written is what they then are.</summary>
public sealed class FileLengthTests
{
    [Theory]
    [MemberData(nameof(MatrixCases.Formats), MemberType = typeof(MatrixCases))]
    public void Files_Have_The_Lengths_That_Were_Told(string architecture, string method, AdapterFormat format)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(method);
        if (adapter.Refusal(format) is { } sentence)
        {
            using var none = new TempFolder();
            Assert.Equal(sentence, Assert.Throws<PeftException>(() => AdapterFolder.Files(adapter, format)).Message);
            Assert.Equal(sentence, Assert.Throws<PeftException>(() => AdapterFolder.Save(adapter, none.Root, format)).Message);
            return;
        }
        var told = AdapterFolder.Files(adapter, format);
        bench.Train(adapter);
        using var folder = new TempFolder();
        AdapterFolder.Save(adapter, folder.Root, format);
        if (MatrixCases.Info(method).SizeIsLearned)
        {
            foreach (var (file, length) in told.Where(f => f.Key.EndsWith(".safetensors", StringComparison.Ordinal)))
                Assert.InRange(new FileInfo(folder.File(file)).Length, 1, length);
            return;
        }
        Assert.Equal(
            new DirectoryInfo(folder.Root).GetFiles()
                .Select(f => KeyValuePair.Create(f.Name, f.Length))
                .OrderBy(f => f.Key, StringComparer.Ordinal),
            told.OrderBy(f => f.Key, StringComparer.Ordinal));
    }
}
