using System.Text;
using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

/// <summary>Text data with bytes changed, cut, doubled and spliced: read, or refused in a sentence that names the file.</summary>
public sealed class DataMutationTests : IDisposable
{
    private const string Csv = "\uFEFFid,text,label\r\n1,\"a, \"\"b\"\"\r\nc\",pos\r\n2,plain é,neg\r\n3,\"x;y\",pos\r\n";
    private const string Tsv = "id\ttext\tlabel\n1\ta \"b\"\t0\n2\tplain é\t1\n3\tc|d\t0\n";
    private const string Lines = "{\"id\":1,\"text\":\"a\\u00e9\\ud83d\\ude00\",\"label\":\"pos\"}\n"
        + "{\"id\":2.5e3,\"text\":\"b\",\"label\":\"neg\",\"more\":{\"x\":[1,null,true]}}\n";
    private const string Ids =
        "[{\"input_ids\":[1,2,3],\"attention_mask\":[1,1,0],\"label\":1},\n{\"input_ids\":[4,5],\"token_type_ids\":[0,1],\"label\":0}]\n";

    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a.csv", Csv)]
    [InlineData("a.tsv", Tsv)]
    [InlineData("a.jsonl", Lines)]
    [InlineData("a.json", Ids)]
    [InlineData("b.json", "[" + "{\"text\":\"a\",\"label\":1},{\"text\":\"b\",\"label\":0}" + "]")]
    public void Mutated_Text_Is_Read_Or_Refused(string name, string text)
    {
        foreach (var packed in new[] { false, true })
        {
            var file = packed ? $"{name}.gz" : name;
            var bytes = packed ? GzipTests.Pack(text) : Encoding.UTF8.GetBytes(text);
            var random = new SeededRandom(21);
            for (var trial = 0; trial < 1500; trial++) ReadOrRefused(_folder.Write(file, Mutated(bytes, random)), trial);
        }
    }

    private static void ReadOrRefused(string path, int trial)
    {
        var options = new DataOptions
        {
            OnBadRow = trial % 2 == 0 ? OnBadRow.Skip : OnBadRow.Stop,
            KeepAll = trial % 3 == 0,
            Text = trial % 5 == 0 && path.Contains("sv") ? "2" : null,
            Label = trial % 5 == 0 && path.Contains("sv") ? "3" : null,
        };
        try
        {
            var data = TextDataset.Load(path, options);
            Assert.All(data.Examples, row => Assert.InRange(row.Row, 0, 1000));
        }
        catch (PeftException e)
        {
            Assert.Contains(System.IO.Path.GetFileName(path), e.Message);
            Assert.EndsWith(".", e.Message);
        }
    }

    private static byte[] Mutated(byte[] bytes, SeededRandom random)
    {
        var result = bytes.ToList();
        for (var change = 0; change <= random.Next(3); change++)
        {
            if (result.Count == 0) break;
            var at = random.Next(result.Count);
            switch (random.Next(6))
            {
                case 0: result[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: result[at] = (byte)random.Next(256); break;
                case 2: result.RemoveRange(at, Math.Min(result.Count - at, 1 + random.Next(8))); break;
                case 3: result.InsertRange(at, result.Skip(random.Next(result.Count)).Take(1 + random.Next(16)).ToArray()); break;
                case 4: result.InsertRange(at, Enumerable.Repeat("[{\"\\,;\n\t"u8[random.Next(8)], 1 + random.Next(200)).ToArray()); break;
                default:
                    result.InsertRange(
                    at,
                    Encoding.UTF8.GetBytes(
                        new[] { "\\ud800", "\"text\":1,", "1e999", "null", "\r", "\0", "sep=;\n", "NaN" }[random.Next(8)])); break;
            }
        }
        return [.. result];
    }
}
