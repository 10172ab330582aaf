using System.Security.Cryptography;
using PeftSharp.Training.Resume;

namespace PeftSharp.Tests.Training.Resume;

public sealed class CheckpointStoreTests
{
    private const string Tensors = "trainer_state.safetensors", Json = "trainer_state.json", Sum = "trainer_state.json.sha256";

    [Theory]
    [InlineData(Tensors, "truncated")]
    [InlineData(Tensors, "changed")]
    [InlineData(Tensors, "emptied")]
    [InlineData(Tensors, "deleted")]
    [InlineData(Json, "truncated")]
    [InlineData(Json, "changed")]
    [InlineData(Json, "emptied")]
    [InlineData(Json, "deleted")]
    [InlineData(Sum, "changed")]
    [InlineData(Sum, "emptied")]
    [InlineData(Sum, "deleted")]
    public void A_Damaged_Checkpoint_Is_Skipped_For_The_One_Before_With_A_Remark(string file, string damage)
    {
        using var runs = new Runs();
        runs.Save(5);
        Damage(Path.Combine(runs.Folder(5), file), damage);
        var (values, _, remarks) = runs.GoOn();
        var remark = Assert.Single(remarks);
        Assert.StartsWith("checkpoint-5 is damaged (", remark);
        Assert.Contains(file == Sum && damage != "deleted" ? Json : file, remark);
        Assert.EndsWith("so it is skipped; checkpoint-4 is used.", remark);
        Assert.Equal(Runs.Whole(), values);
    }

    [Fact]
    public void If_All_Are_Damaged_One_Sentence_Names_Each()
    {
        using var runs = new Runs();
        runs.Save(2);
        Damage(Path.Combine(runs.Folder(1), Json), "deleted");
        Damage(Path.Combine(runs.Folder(2), Tensors), "changed");
        var e = Assert.Throws<PeftException>(() => runs.GoOn());
        Assert.Contains("checkpoint-2 is damaged", e.Message);
        Assert.Contains("checkpoint-1 is damaged (trainer_state.json is missing)", e.Message);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void The_Last_Few_Are_Kept_And_The_Order_Is_That_Of_Numbers()
    {
        using var runs = new Runs();
        runs.Save(11, limit: 3);
        Assert.Equal([11, 10, 9], new CheckpointStore(runs.Root).Steps);
        Assert.Equal(3, Directory.GetFileSystemEntries(runs.Root).Length);
    }

    [Fact]
    public void A_Damaged_Checkpoint_Makes_Way_For_A_Good_One()
    {
        using var runs = new Runs();
        runs.Save(6);
        foreach (var step in (long[])[5, 6]) Damage(Path.Combine(runs.Folder(step), Tensors), "changed");
        var store = new CheckpointStore(runs.Root, 3);
        using (var good = store.Newest()!)
        {
            Assert.Equal(4, good.Step);
            store.Save(good with { Snapshot = good.Snapshot with { State = good.Snapshot.State with { Step = 5 } } });
        }
        Assert.Equal([5, 4, 3], store.Steps);
        using var newest = new CheckpointStore(runs.Root).Newest(_ => Assert.Fail("nothing is damaged"));
        Assert.Equal(5, newest!.Step);
    }

    [Fact]
    public void Checksums_Are_Those_That_Common_Tools_Check()
    {
        using var runs = new Runs();
        runs.Save(1);
        var json = File.ReadAllBytes(Path.Combine(runs.Folder(1), Json));
        Assert.Equal($"{Convert.ToHexStringLower(SHA256.HashData(json))}  {Json}\n", File.ReadAllText(Path.Combine(runs.Folder(1), Sum)));
        Assert.Contains(
            Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(runs.Folder(1), Tensors)))),
            File.ReadAllText(Path.Combine(runs.Folder(1), Json)));
    }

    [Fact]
    public void Another_Format_Is_Refused_By_Number_And_Not_Taken_For_Damage()
    {
        using var runs = new Runs();
        runs.Save(2);
        Rewrite(runs.Folder(2), "\"format\": 1", "\"format\": 7");
        var e = Assert.Throws<PeftException>(() => runs.GoOn());
        Assert.Contains("has the checkpoint format 7, but this version reads 1", e.Message);
    }

    [Theory]
    [InlineData("\"max_steps\": 12", "\"max_steps\": \"many\"")]
    [InlineData("\"samples\": 16", "\"samples\": []")]
    [InlineData("\"since_best\": 0", "\"since_best\": -1")]
    [InlineData("\"peftsharp\": {", "\"someone\": {")]
    public void Values_Of_A_Wrong_Kind_End_In_One_Sentence_Even_With_Right_Checksums(string text, string replacement)
    {
        using var runs = new Runs();
        runs.Save(2);
        Rewrite(runs.Folder(2), text, replacement);
        try
        {
            using var checkpoint = new CheckpointStore(runs.Root).Newest();
            Assert.Equal(1, checkpoint!.Step);
        }
        catch (PeftException e)
        {
            Assert.Contains("wrong type", e.Message);
        }
    }

    [Fact]
    public void What_A_Killed_Program_Left_Is_Cleaned_Up_And_Never_Taken_For_A_Checkpoint()
    {
        using var runs = new Runs();
        runs.Save(3);
        var half = Path.Combine(runs.Root, ".checkpoint-4.abc.tmp");
        Directory.CreateDirectory(half);
        File.Copy(Path.Combine(runs.Folder(3), Json), Path.Combine(half, Json));
        Directory.CreateDirectory(Path.Combine(runs.Root, "checkpoint-mine"));
        var store = new CheckpointStore(runs.Root);
        Assert.Equal([3, 2, 1], store.Steps);
        store.CleanUp();
        Assert.False(Directory.Exists(half));
        Assert.True(Directory.Exists(runs.Folder(3)));
    }

    [Fact]
    public void A_Place_That_Cannot_Be_Written_Is_Told_In_One_Sentence_And_Leaves_Nothing()
    {
        using var runs = new Runs();
        runs.Save(1);
        using var checkpoint = new CheckpointStore(runs.Root).Newest()!;
        var file = Path.Combine(runs.Root, "file");
        File.WriteAllText(file, "mine");
        var e = Assert.Throws<PeftException>(() => new CheckpointStore(file).Save(checkpoint));
        Assert.StartsWith($"The checkpoint of step 1 could not be saved in {file} (", e.Message);
        Assert.Equal("mine", File.ReadAllText(file));
        Assert.Equal(["checkpoint-1", "file"], Directory.GetFileSystemEntries(runs.Root).Select(f => Path.GetFileName(f)).Order());
    }

    private static void Damage(string file, string how)
    {
        var bytes = File.ReadAllBytes(file);
        if (how == "deleted") File.Delete(file);
        else if (how == "emptied") File.WriteAllBytes(file, []);
        else if (how == "truncated") File.WriteAllBytes(file, bytes[..^1]);
        else
        {
            bytes[bytes.Length / 2] ^= 1;
            File.WriteAllBytes(file, bytes);
        }
    }

    // As somebody would who means it: the checksum is right.
    private static void Rewrite(string folder, string old, string text)
    {
        var file = Path.Combine(folder, Json);
        var json = File.ReadAllText(file);
        Assert.Contains(old, json);
        File.WriteAllText(file, json.Replace(old, text));
        File.WriteAllText(Path.Combine(folder, Sum), $"{Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)))}  {Json}\n");
    }
}
