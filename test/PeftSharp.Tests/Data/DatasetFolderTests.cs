using PeftSharp.Data;

namespace PeftSharp.Tests.Data;

public sealed class DatasetFolderTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private void Write(params string[] files)
    {
        foreach (var file in files)
            _folder.Write(
                file,
                file.Contains(".json", StringComparison.Ordinal) ? $"{{\"text\": \"{file}\", \"label\": 1}}\n" : $"text,label\n{file},1\n");
    }

    private string[] Texts(GlueSplit split) => [.. DatasetFolder.Open(_folder.Path).Load(split).Examples.Select(e => e.Text)];

    private string Refused(params string[] files)
    {
        Write(files);
        var message = Assert.Throws<PeftException>(() => DatasetFolder.Open(_folder.Path)).Message;
        Assert.Contains(_folder.Path, message);
        return message;
    }

    [Theory]
    [InlineData("train.csv", "valid.csv", "test.csv")]
    [InlineData("train.csv", "dev.csv", "eval.csv")]
    [InlineData("reviews-train.csv", "reviews_val_2.csv", "Testing.v1.csv")]
    [InlineData("data/train/a.csv", "data/validation/a.csv", "data/test/a.csv")]
    [InlineData("train-00000-of-00001.csv", "validation-00000-of-00001.csv", "test-00000-of-00001.csv")]
    [InlineData("training/test.csv", "validation/train.csv", "evaluation/x.csv")]
    public void Names_Of_Files_And_Folders_Tell_The_Part(string train, string validation, string test)
    {
        Write(train, validation, test, "README.md", ".hidden/train.csv", "latest.csv");
        Assert.Equal([train], Texts(GlueSplit.Train));
        Assert.Equal([validation], Texts(GlueSplit.Dev));
        Assert.Equal([test], Texts(GlueSplit.Test));
    }

    [Fact]
    public void Numbered_Files_Are_One_Part_In_Order()
    {
        Write("data/train-00001-of-00003.csv", "data/train-00002-of-00003.csv", "data/train-00000-of-00003.csv");
        Assert.Equal(Enumerable.Range(0, 3).Select(i => $"data/train-0000{i}-of-00003.csv"), Texts(GlueSplit.Train));
        var data = DatasetFolder.Open(_folder.Path).Load(GlueSplit.Train);
        Assert.EndsWith("train-00002-of-00003.csv, line 2", data.Examples[2].Place(data.Source));
    }

    [Fact]
    public void Without_A_Word_All_Files_Are_Training_Rows()
    {
        Write("b.csv", "a.csv", "sub/c.csv", "sub/dataset_info.json", "readme.txt");
        Assert.Equal(["a.csv", "b.csv", "sub/c.csv"], Texts(GlueSplit.Train));
        Assert.Contains(
            "has no development part, only training",
            Assert.Throws<PeftException>(() => DatasetFolder.Open(_folder.Path).Load(GlueSplit.Dev)).Message);
    }

    [Fact]
    public void Mnli_In_Hugging_Faces_Writing_Has_Two_Development_Parts()
    {
        Write("train.csv", "validation_matched.csv", "validation_mismatched.csv", "test_matched.csv", "test_mismatched.csv");
        Assert.Equal(["validation_matched.csv"], Texts(GlueSplit.Dev));
        Assert.Equal(["validation_mismatched.csv"], Texts(GlueSplit.DevMismatched));
        Assert.Equal(["test_matched.csv"], Texts(GlueSplit.Test));
    }

    [Fact]
    public void A_Part_That_Is_There_Twice_Is_Refused()
    {
        Assert.Contains("holds the development part twice: dev.csv and valid.csv", Refused("dev.csv", "valid.csv"));
    }

    [Fact]
    public void A_Part_Of_Two_Formats_Is_There_Twice() =>
        Assert.Contains("holds the training part twice: train.csv and train.jsonl", Refused("train.csv", "train.jsonl"));

    [Fact]
    public void A_Part_That_Is_Folder_And_File_Is_There_Twice() =>
        Assert.Contains("holds the training part twice", Refused("train.csv", "train/a.csv"));

    [Fact]
    public void A_Name_With_Two_Words_Is_Refused() =>
        Assert.Contains("\"train_test.csv\" names two parts of the data (train and test)", Refused("train_test.csv"));

    [Fact]
    public void A_Missing_Number_Is_Named() =>
        Assert.Contains("lacks the numbered file 1 of 3", Refused("train-00000-of-00003.csv", "train-00002-of-00003.csv"));

    [Fact]
    public void Numbers_Of_Two_Writings_Are_Refused() =>
        Assert.Contains("two writings", Refused("train-00000-of-00001.csv", "train-00000-of-00002.csv", "train-00001-of-00002.csv"));

    [Fact]
    public void A_Folder_Without_Data_Is_Refused() => Assert.Contains("holds no dataset file", Refused("notes.md"));

    [Fact]
    public void Other_Columns_Are_Named_With_Their_File()
    {
        _folder.Write("train-a.csv", "text,label\nx,1\n");
        _folder.Write("train-b.csv", "label,text\n0,y\n");
        Assert.Equal(["x", "y"], Texts(GlueSplit.Train)); // their order is free
        _folder.Write("train-c.csv", "text,stars\nx,1\n");
        var message = Assert.Throws<PeftException>(() => Texts(GlueSplit.Train)).Message;
        Assert.Contains("train-c.csv has no column 'label', which ", message);
        Assert.Contains("train-a.csv has", message);
    }

    [Fact]
    public void Json_Rows_May_Have_More_Fields_But_Not_Others_To_Read()
    {
        _folder.Write("train-a.jsonl", "{\"text\": \"x\", \"label\": 1}\n");
        _folder.Write("train-b.jsonl", "{\"note\": 1, \"text\": \"y\", \"label\": 0}\n");
        Assert.Equal(2, Texts(GlueSplit.Train).Length);
        _folder.Write("train-c.jsonl", "{\"review\": \"z\", \"label\": 0}\n");
        Assert.Contains("train-c.jsonl has no column 'text'", Assert.Throws<PeftException>(() => Texts(GlueSplit.Train)).Message);
    }

    [Fact]
    public void Parquet_Types_And_Class_Names_Have_To_Agree()
    {
        File.Copy(TestPaths.Fixture("data", "labelled.parquet"), _folder.Write("train-00000-of-00002.parquet", ""), overwrite: true);
        File.Copy(TestPaths.Fixture("data", "labelled.parquet"), _folder.Write("train-00001-of-00002.parquet", ""), overwrite: true);
        var data = DatasetFolder.Open(_folder.Path).Load(GlueSplit.Train);
        Assert.Equal(40, data.Count);
        Assert.EndsWith("train-00001-of-00002.parquet, row 1", data.Examples[20].Place(data.Source));
        File.Copy(
            TestPaths.Fixture("data", "plain.parquet"), System.IO.Path.Combine(_folder.Path, "train-00001-of-00002.parquet"),
            overwrite: true);
        Assert.Contains(
            "train-00001-of-00002.parquet has no column 'text'", Assert.Throws<PeftException>(() => Texts(GlueSplit.Train)).Message);
    }

    [Fact]
    public void Patterns_Give_Their_Files_In_Order()
    {
        Write("data/b-1.jsonl", "data/a-1.jsonl", "data/a-22.jsonl", "data/deep/er/a-1.jsonl", "data/a-1.csv");
        string[] Match(string pattern) => [.. TextDataset.Load(System.IO.Path.Combine(_folder.Path, pattern)).Examples.Select(e => e.Text)];
        Assert.Equal(["data/a-1.jsonl", "data/a-22.jsonl", "data/b-1.jsonl"], Match("data/*.jsonl"));
        Assert.Equal(["data/a-1.jsonl", "data/b-1.jsonl"], Match("data/?-?.jsonl"));
        Assert.Equal(["data/a-1.jsonl", "data/deep/er/a-1.jsonl"], Match("**/a-1.jsonl"));
        Assert.Equal(["data/deep/er/a-1.jsonl"], Match("d*/deep/**/*.jsonl"));
    }

    [Theory]
    [InlineData("*.parquet", "fits no file; check its path")]
    [InlineData("nowhere/*.csv", "there is no folder")]
    [InlineData("*.xlsx", "fits no file")]
    public void A_Pattern_That_Fits_Nothing_Is_Refused(string pattern, string expected) =>
        Assert.Contains(
            expected, Assert.Throws<PeftException>(() => TextDataset.Load(System.IO.Path.Combine(_folder.Path, pattern))).Message);

    [Fact]
    public void Links_In_A_Circle_End()
    {
        Write("a/x.csv");
        Directory.CreateSymbolicLink(System.IO.Path.Combine(_folder.Path, "a", "up"), _folder.Path);
        Assert.Equal(["a/x.csv"], TextDataset.Load(System.IO.Path.Combine(_folder.Path, "**", "*.csv")).Examples.Select(e => e.Text));
    }

    [Fact]
    public void A_Bad_Row_Of_A_Later_File_Names_That_File()
    {
        _folder.Write("a.csv", "text,label\nx,1\n");
        var second = _folder.Write("b.csv", "text,label\ny,1\nz\n");
        Assert.StartsWith(
            $"{second}, line 3: 1 column found",
            Assert.Throws<PeftException>(() => TextDataset.Load(System.IO.Path.Combine(_folder.Path, "*.csv"))).Message);
    }
}
