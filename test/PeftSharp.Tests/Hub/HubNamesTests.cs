using PeftSharp.Hub;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Hub;

/// <summary>Names of repositories and what the environment says.</summary>
public sealed class HubNamesTests
{
    [Theory]
    [InlineData("google-bert/bert-base-uncased", "google-bert/bert-base-uncased", "main")]
    [InlineData("a/b@v1.0", "a/b", "v1.0")]
    [InlineData("a/b@refs/pr/1", "a/b", "refs/pr/1")]
    [InlineData("bert-base-uncased", "bert-base-uncased", "main")]
    [InlineData("_user/Some_Model.v2", "_user/Some_Model.v2", "main")]
    public void A_name_with_or_without_a_revision_is_understood(string text, string id, string revision)
    {
        var repository = HubRepository.Parse(text);
        Assert.Equal((id, revision), (repository.Id, repository.Revision));
        Assert.Equal(repository, HubRepository.TryParse(text));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b/c")]
    [InlineData("../b")]
    [InlineData("a/..")]
    [InlineData("/a/b")]
    [InlineData("./b")]
    [InlineData("a/")]
    [InlineData("a\\b")]
    [InlineData("C:/models")]
    [InlineData("a--b/c")]
    [InlineData("a/b.git")]
    [InlineData("a/b c")]
    [InlineData("a/b\n")]
    [InlineData("a/b@")]
    [InlineData("a/b@../../x")]
    [InlineData("a/b@x/.lock")]
    [InlineData("a/b@x y")]
    [InlineData("a/b@/etc")]
    [InlineData("a/b@c:d")]
    public void What_is_no_name_is_refused(string text)
    {
        Assert.Null(HubRepository.TryParse(text));
        Assert.Throws<PeftException>(() => HubRepository.Parse(text));
    }

    [Fact]
    public void A_revision_is_given_once()
    {
        Assert.Equal("v1", HubRepository.Parse("a/b", "v1").Revision);
        Assert.Contains("give one of them", Assert.Throws<PeftException>(() => HubRepository.Parse("a/b@v1", "v2")).Message);
    }

    [Fact]
    public void The_environment_is_read_by_the_rules_of_huggingface_hub()
    {
        using var temp = new TempFolder();
        Directory.CreateDirectory(temp.File("home"));
        File.WriteAllText(temp.File("home/token"), "hf_file\n");
        var settings = From(("HF_HOME", temp.File("home")));
        Assert.Equal(
            (temp.File("home/hub"), "hf_file", "https://huggingface.co", false),
            (settings.CacheFolder, settings.Token, settings.Endpoint, settings.Offline));
        settings = From(
            ("HF_HOME", temp.File("home")), ("HF_TOKEN", " hf_variable "), ("HF_ENDPOINT", "https://mirror.example/"),
            ("HF_HUB_OFFLINE", "yes"), ("HUGGINGFACE_HUB_CACHE", "/old"));
        Assert.Equal(
            (Path.GetFullPath("/old"), "hf_variable", "https://mirror.example", true),
            (settings.CacheFolder, settings.Token, settings.Endpoint, settings.Offline));
        Assert.Equal(
            Path.GetFullPath("/new"), From(("HF_HUB_CACHE", "/new"), ("HUGGINGFACE_HUB_CACHE", "/old"), ("HF_HOME", "/home")).CacheFolder);
        Assert.Equal(Path.Combine(Path.GetFullPath("/cache"), "huggingface", "hub"), From(("XDG_CACHE_HOME", "/cache")).CacheFolder);
        Assert.Equal(Path.Combine(temp.Root, "x"), From(("BIG", temp.Root), ("HF_HUB_CACHE", "${BIG}/x")).CacheFolder);
        Assert.Equal(
            Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), "x"), From(("HF_HUB_CACHE", "~/x")).CacheFolder);
        Assert.Null(From(("HF_HOME", temp.File("home")), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")).Token);
        Assert.False(From(("HF_HUB_DISABLE_SYMLINKS", "1")).Symlinks);
        Assert.True(From(("TRANSFORMERS_OFFLINE", "1")).Offline);
        Assert.Equal(TimeSpan.FromSeconds(7), From(("HF_HUB_DOWNLOAD_TIMEOUT", "7")).Timeout);
        Assert.DoesNotContain("hf_variable", settings.ToString());
    }

    [Theory]
    [InlineData("HF_ENDPOINT", "huggingface.co")]
    [InlineData("HF_ENDPOINT", "ftp://huggingface.co")]
    [InlineData("HF_HUB_DOWNLOAD_TIMEOUT", "soon")]
    [InlineData("HF_TOKEN", "hf_ü")]
    public void A_value_that_means_nothing_is_refused(string name, string value) =>
        Assert.Contains(name, Assert.Throws<PeftException>(() => From((name, value))).Message);

    private static HubSettings From(params (string Name, string Value)[] variables) =>
        HubSettings.FromEnvironment(name => variables.FirstOrDefault(v => v.Name == name).Value);
}
