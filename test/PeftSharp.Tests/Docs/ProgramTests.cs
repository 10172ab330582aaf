using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Docs;

/// <summary>
/// Programs of the documents, each pasted into a new console project, built from the restored packages and run on the quickstart's data.
/// </summary>
public sealed class ProgramTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(8);

    [Fact]
    public void The_Program_Of_The_Readmes_Builds_And_Runs_As_It_Stands()
    {
        var program = SnippetTests.Programs(TestPaths.RequireRepository("README.md")).Single();
        Assert.Equal(Code(program), Code(SnippetTests.Programs(TestPaths.RequireRepository("README.ko.md")).Single()));
        using var folder = new TempFolder();
        var output = BuildAndRun(program, folder);
        Assert.Contains("before:", output);
        Assert.Contains("after:", output);
        Assert.True(File.Exists(folder.File("my-adapter/adapter_model.safetensors")), output);
    }

    [Fact]
    public void A_Method_Made_Outside_Of_The_Library_Trains_And_Answers_From_Its_Folder()
    {
        using var folder = new TempFolder();
        var output = BuildAndRun(SnippetTests.Programs(TestPaths.RequireRepository("docs", "own-method.md")).Single(), folder);
        Assert.Contains("weights trained", output);
        Assert.Contains("delivery", output);
        var config = JsonNode.Parse(File.ReadAllText(folder.File("gain-adapter/adapter_config.json")))!;
        Assert.Equal(("GAIN", 2), ((string?)config["peft_type"], (int)config["first_layer"]!));
    }

    private static string BuildAndRun(string program, TempFolder folder)
    {
        File.WriteAllText(folder.File("Program.cs"), program);
        File.WriteAllText(folder.File("app.csproj"), Project());
        Directory.CreateDirectory(folder.File("no-source"));
        Run(folder.Root, "build", "-c", "Release", "-v", "quiet", $"-p:RestoreSources={folder.File("no-source")}", "-o",
            folder.File("app"));
        return Run(folder.Root, folder.File("app/app.dll"), Path.Combine(AppContext.BaseDirectory, "quickstart"));
    }

    // The library as the tests use it, with the packages that its project names: nothing is written outside the test's folder.
    private static string Project()
    {
        var versions = XDocument.Load(TestPaths.RequireRepository("Directory.Packages.props")).Descendants("PackageVersion")
            .ToDictionary(p => p.Attribute("Include")!.Value, p => p.Attribute("Version")!.Value);
        var system = OperatingSystem.IsWindows() ? "win-x64" : OperatingSystem.IsMacOS() ? "osx-arm64" : "linux-x64";
        var packages = XDocument.Load(TestPaths.RequireRepository("src", "PeftSharp", "PeftSharp.csproj")).Descendants("PackageReference")
            .Select(p => p.Attribute("Include")!.Value).Append($"libtorch-cpu-{system}");
        return $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <NoWarn>NU1603</NoWarn>
                <CreateSymbolicLinksForCopyLocalIfPossible>true</CreateSymbolicLinksForCopyLocalIfPossible>
              </PropertyGroup>
              <ItemGroup>
                <Reference Include="{Path.Combine(AppContext.BaseDirectory, "PeftSharp.dll")}" />
                {string.Join('\n', packages.Select(p => $"<PackageReference Include=\"{p}\" Version=\"{versions[p]}\" />"))}
              </ItemGroup>
            </Project>
            """;
    }

    // Comments are in the language of the page.
    private static string Code(string program) =>
        string.Join('\n', program.Split('\n').Select(l => l.Split("//")[0].TrimEnd()).Where(l => l.Length > 0));

    private static string Run(string folder, params string[] args)
    {
        using var process = Process.Start(
            new ProcessStartInfo("dotnet", args)
            {
                WorkingDirectory = folder,
                RedirectStandardOutput = true,
                RedirectStandardError = true
            })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"dotnet {args[0]} did not end in {Patience.TotalMinutes} minutes.");
        }
        Assert.True(process.ExitCode == 0, $"dotnet {string.Join(' ', args)}: {output.Result}{error.Result}");
        return output.Result;
    }
}
