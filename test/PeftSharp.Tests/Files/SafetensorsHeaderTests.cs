using System.Text;
using CsCheck;
using PeftSharp.Files;

namespace PeftSharp.Tests.Files;

public sealed class SafetensorsHeaderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static readonly string A = RawSafetensors.Tensor("a", "F32", "2", 0, 8);

    public static TheoryData<string, int, string> Lies => new()
    {
        { "[]", 0, "not a JSON object" },
        { " {}", 0, "not a JSON object" },
        { "{ ", 0, "not the JSON" },
        { "{}x", 0, "not the JSON" },
        { "{" + A + ",}", 8, "not the JSON" },
        { """{"a":1}""", 0, "no object" },
        { """{"a":{}}""", 0, "without a \"dtype\"" },
        { """{"a":{"dtype":3,"shape":[],"data_offsets":[0,4]}}""", 4, "not the JSON" },
        { """{"a":{"dtype":"F32","shape":{},"data_offsets":[0,4]}}""", 4, "no array" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}""", 4, "two \"data_offsets\"" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}""", 4, "more than 2" },
        { """{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}""", 4, "no whole number" },
        { """{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "no whole number" },
        { """{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "twice" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":[[[[[[[[[[1]]]]]]]]]]}}""", 4, "not the JSON" },
        { """{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "not the JSON" },
        { """{"__metadata__":{"a":1}}""", 0, "no string" },
        { """{"__metadata__":[]}""", 0, "no object" },
        { """{"__metadata__":{},"__metadata__":{}}""", 0, "twice" },
        { """{"__metadata__":{"a":"1","a":"1"}}""", 0, "twice" },
        { "{" + A + "," + A + "}", 8, "twice" },
        { "{" + A + "}", 7, "truncated" },
        { "{" + A + "}", 9, "9 follow" },
        { "{" + A + "," + RawSafetensors.Tensor("b", "F32", "2", 4, 12) + "}", 12, "overlaps" },
        { "{" + A + "," + RawSafetensors.Tensor("b", "F32", "2", 0, 8) + "}", 8, "overlaps" },
        { "{" + A + "," + RawSafetensors.Tensor("b", "F32", "2", 12, 20) + "}", 20, "gap" },
        { "{" + RawSafetensors.Tensor("a", "F32", "2", 8, 0) + "}", 8, "does not take" },
        { "{" + RawSafetensors.Tensor("a", "F32", "3", 0, 8) + "}", 8, "does not take" },
        { "{" + RawSafetensors.Tensor("a", "F32", "4294967296,4294967296", 0, 0) + "}", 0, "does not take" },
        { "{" + RawSafetensors.Tensor("a", "F32", "9223372036854775807,0", 0, 0) + "}", 0, "does not take" },
        { "{" + RawSafetensors.Tensor("a", "U8", "9223372036854775807", 0, long.MaxValue) + "}", 0, "truncated" },
        { "{" + RawSafetensors.Tensor("a", "F8_E4M3", "8", 0, 8) + "}", 8, "element type \"F8_E4M3\"" },
        { "{" + RawSafetensors.Tensor("a", "F32", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2", 0, 8) + "}", 8, "more than 16" },
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public void A_Lie_Is_Refused_In_One_Sentence(string header, int dataBytes, string says)
    {
        var path = _folder.Write("x.safetensors", RawSafetensors.Of(header, dataBytes));
        var e = Assert.Throws<PeftException>(() => SafetensorsFile.Open(path));
        Assert.Contains(says, e.Message);
        Assert.Contains(path, e.Message);
        Assert.EndsWith(".", e.Message);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Theory]
    [InlineData(ulong.MaxValue, "above the limit")]
    [InlineData(100_000_001, "above the limit")]
    [InlineData(50, "truncated or no safetensors file")]
    public void An_Oversized_Header_Is_Refused(ulong announced, string says)
    {
        var path = _folder.Write("x.safetensors", RawSafetensors.Of("{}", 0, announced));
        Assert.Contains(says, Assert.Throws<PeftException>(() => SafetensorsFile.Open(path)).Message);
    }

    [Fact]
    public void Bad_Utf8_Is_Refused()
    {
        var header = Encoding.Latin1.GetBytes("{" + RawSafetensors.Tensor("\u00e9", "F32", "2", 0, 8) + "}");
        var path = _folder.Write("x.safetensors", RawSafetensors.Of(header, 8));
        Assert.Contains("UTF-8", Assert.Throws<PeftException>(() => SafetensorsFile.Open(path)).Message);
    }

    [Theory]
    [InlineData("none.safetensors")]
    [InlineData("")]
    public void A_Missing_File_Or_A_Folder_Is_Refused(string name) =>
        Assert.Throws<PeftException>(() => SafetensorsFile.Open(_folder.File(name)));

    [Fact]
    public void An_Empty_File_Is_Refused() =>
        Assert.Contains("no content", Assert.Throws<PeftException>(() => SafetensorsFile.Open(_folder.Write("x.safetensors", []))).Message);

    // Bytes of the prefix and the header are changed, inserted, removed or the file is cut: it opens and reads, or is refused.
    [Fact]
    public void Random_Corruption_Never_Escapes_As_Anything_Else()
    {
        string[] others =
        [
            RawSafetensors.Tensor("b.c", "BF16", "3,2", 8, 20), RawSafetensors.Tensor("d", "I64", "", 20, 28),
            RawSafetensors.Tensor("e", "BOOL", "4", 28, 32),
        ];
        var header = $$"""{"__metadata__":{"format":"pt"},{{A}},{{string.Join(',', others)}}}""";
        var valid = RawSafetensors.Of(header, 32);
        var telling = "0123456789{}[]\",:-.eE\\ "u8.ToArray();
        var edit = Gen.Select(
            Gen.Int[0, 3], Gen.Int[0, 8 + header.Length - 1], Gen.OneOf(Gen.Byte, Gen.Int[0, telling.Length - 1].Select(n => telling[n])));
        var i = 0;
        edit.Array[1, 4].Sample(edits =>
        {
            var bytes = valid.ToList();
            foreach (var (kind, at, value) in edits)
            {
                if (at >= bytes.Count) continue;
                if (kind == 0) bytes[at] = value;
                else if (kind == 1) bytes.Insert(at, value);
                else if (kind == 2) bytes.RemoveAt(at);
                else if (value < 8) bytes.RemoveRange(at, bytes.Count - at);
            }
            var path = _folder.Write($"{Interlocked.Increment(ref i)}.safetensors", [.. bytes]);
            try
            {
                using var file = SafetensorsFile.Open(path);
                foreach (var name in file.Tensors.Keys) file.Read(name).Dispose();
            }
            catch (PeftException) { }
            File.Delete(path);
        }, iter: 5000, threads: 1);
    }
}
