using System.Diagnostics;
using System.Xml.Linq;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Docs;

/// <summary>
/// The program of the READMEs, pasted into a new console project, built from the restored packages and run on the quickstart's data.
/// </summary>
public sealed class ReadmeProgramTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(8);

    [Fact]
    public void It_builds_and_runs_as_it_stands()
    {
        var program = SnippetTests.Programs(TestPaths.RequireRepository("README.md")).Single();
        Assert.Equal(Code(program), Code(SnippetTests.Programs(TestPaths.RequireRepository("README.ko.md")).Single()));
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("Program.cs"), program);
        File.WriteAllText(folder.File("app.csproj"), Project());
        Directory.CreateDirectory(folder.File("no-source"));
        Run(folder.Root, "build", "-c", "Release", "-v", "quiet", $"-p:RestoreSources={folder.File("no-source")}", "-o",
            folder.File("app"));
        var output = Run(folder.Root, folder.File("app/app.dll"), Path.Combine(AppContext.BaseDirectory, "quickstart"));
        Assert.Contains("before:", output);
        Assert.Contains("after:", output);
        Assert.True(File.Exists(folder.File("my-adapter/adapter_model.safetensors")), output);
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
