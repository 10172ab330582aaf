namespace PeftSharp.Tests.Cli;

/// <summary>Messages assert nothing that did not happen.</summary>
public sealed class MessageTests(CliFolder folder) : IClassFixture<CliFolder>
{
    [Fact]
    public void A_file_of_another_kind_is_called_what_it_is()
    {
        var gguf = Written("model.gguf", "GGUF\u0003\0\0\0\u0001\0\0\0\0\0\0\0\u0001\0\0\0\0\0\0\0");
        const string expected =
            "announces 1 tensors at byte 16, for which the 8 bytes after it have no room; download or convert the file again";
        Assert.Contains(expected, Peft.Run("info", gguf).Fails(1));
        Assert.Contains(expected, Peft.Run("predict", "--base", gguf, "--text", "x").Fails(1));
        Assert.Contains(expected, Peft.Run("quantize", "--base", gguf, "--out", folder.File_("q")).Fails(1));
        Assert.Contains(expected, Peft.Run("data", folder.Train, "--base", gguf).Fails(1));
        Assert.Contains(
            expected, Peft.Run("train", "--base", gguf, "--method", "lora", "--data", folder.Train, "--out", folder.File_("none")).Error);
        Assert.Contains("is a GGUF file", Peft.Run("eval", "--base", folder.Model, "--adapter", gguf, "--data", folder.Dev).Fails(1));
        Assert.Contains(
            expected,
            Peft.Run("info", Written("renamed.safetensors", "GGUF\u0003\0\0\0\u0001\0\0\0\0\0\0\0\u0001\0\0\0\0\0\0\0")).Fails(1));
        Assert.Contains(
            "Git LFS",
            Peft.Run("info", Written("pointer.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"))
                .Fails(1));
        Assert.Contains("a web page", Peft.Run("info", Written("page.safetensors", "<!DOCTYPE html><html></html>")).Fails(1));
        Assert.Contains(
            "is a file, and a folder is expected",
            Peft.Run("predict", "--base", Path.Combine(folder.Model, "model.safetensors"), "--text", "x").Fails(1));
        Assert.Contains(
            "is a file, and a folder is expected",
            Peft.Run("eval", "--base", folder.Model, "--adapter", Path.Combine(folder.Model, "config.json"), "--data", folder.Dev)
                .Fails(1));
        Assert.Contains("is a file", Peft.Run("verify", gguf).Fails(1));
    }

    [Fact]
    public void A_folder_with_a_file_of_another_kind_alone_tells_that()
    {
        var other = folder.File_("only-gguf");
        Directory.CreateDirectory(other);
        File.Copy(Path.Combine(folder.Model, "config.json"), Path.Combine(other, "config.json"));
        File.WriteAllText(Path.Combine(other, "tiny.Q4_K_M.gguf"), "GGUF");
        Assert.Contains(
            "tiny.Q4_K_M.gguf has 4 bytes where a GGUF file has at least 24", Peft.Run("predict", "--base", other, "--text", "x").Fails(1));
    }

    [Fact]
    public void Nobody_is_said_to_have_asked_for_a_default()
    {
        folder.TrainTo("full", "--method", "full", "--max-steps", "1").Succeeds();
        folder.TrainTo("lora", "--max-steps", "1").Succeeds();
        foreach (var run in (string[])["full", "lora"])
            Assert.DoesNotContain("asked for", File.ReadAllText(Path.Combine(folder.File_(run), "run.json")));
    }

    [Theory]
    [InlineData("--seeds needs one or more different numbers", "--seeds", "1,1")]
    [InlineData("--methods holds \"lora\" twice", "--methods", "lora,lora")]
    [InlineData("--learning-rates needs two or more different numbers", "--learning-rates", "1e-3")]
    [InlineData("--budget is 0; expected minutes above 0", "--budget", "0")]
    public void What_the_command_line_gave_is_named_by_its_option(string expected, params string[] args)
    {
        string[] methods = args.Contains("--methods") ? [] : ["--methods", "lora"];
        Assert.Contains(
            expected,
            Peft.Run(["compare", "--base", folder.Model, "--data", folder.Train, "--out", folder.File_("compared"), .. methods, .. args])
                .Fails(2));
    }

    private string Written(string name, string text)
    {
        var file = folder.File_(name);
        File.WriteAllText(file, text);
        return file;
    }
}
