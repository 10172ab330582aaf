using PeftSharp.Tests.Cli;

namespace PeftSharp.Tests.Docs;

/// <summary>The page about methods is what the program says of them.</summary>
public sealed class MethodPageTests
{
    [Fact]
    public void The_page_is_the_registry_written_out()
    {
        Assert.True(File.ReadAllText(TestPaths.RequireRepository("docs", "methods.md")) == Peft.Run("methods", "--markdown")
            .Succeeds().Output, "docs/methods.md is not what `peft methods --markdown` writes; write it anew.");
    }

    [Fact]
    public void One_method_makes_no_page() => Assert.Contains("leave out the name", Peft.Run("methods", "lora", "--markdown").Fails(2));
}
