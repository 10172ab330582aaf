using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Runs.Conformance;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Formats;

/// <summary>Adapters that the reference libraries wrote, read and written again in either layout.</summary>
public sealed class CaseRoundTripTests
{
    public static TheoryData<string, AdapterFormat> Cases
    {
        get
        {
            var data = new TheoryData<string, AdapterFormat>();
            foreach (
                var folder in Directory.GetDirectories(TestPaths.Fixture("cases")).Where(AdapterFolder.Is).Order(StringComparer.Ordinal))
                foreach (var format in Enum.GetValues<AdapterFormat>()) data.Add(Path.GetFileName(folder), format);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Does_The_Same_Or_Is_Refused(string @case, AdapterFormat format)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        using var reference = new ConformanceCase(TestPaths.Fixture("cases", @case));
        PeftModel before = new(reference.LoadModel()), after = new(reference.LoadModel());
        var adapter = reference.Adapter!.LoadInto(before);
        using var folder = new TempFolder();
        try
        {
            AdapterFolder.Save(adapter, folder.Root, format);
        }
        catch (PeftException e) when (format != reference.Format)
        {
            Assert.Empty(Directory.GetFiles(folder.Root));
            Assert.DoesNotContain("\n", e.Message);
            return;
        }
        var loaded = AdapterFolder.Open(folder.Root).LoadInto(after);
        var batch = reference.Batch(true);
        Bits.AssertSame(
            before.Forward(batch, AdapterSelection.Of(adapter.Tag)).Logits, after.Forward(batch, AdapterSelection.Of(loaded.Tag)).Logits,
            "The output");
    }
}
