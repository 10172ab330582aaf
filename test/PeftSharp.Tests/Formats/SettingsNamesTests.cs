using System.Text.Json.Nodes;
using PeftSharp.Formats;
using PeftSharp.Methods;

namespace PeftSharp.Tests.Formats;

public sealed class SettingsNamesTests
{
    public static TheoryData<string> Methods => [.. MethodRegistry.All.Select(m => m.Name)];

    [Theory]
    [MemberData(nameof(Methods))]
    public void Settings_stand_on_disk_under_the_names_of_peft_alone(string method)
    {
        var json = (JsonObject)JsonNode.Parse(AdapterJson.Text(MethodRegistry.Options(method)))!;
        Assert.Contains("peft_type", json.Select(p => p.Key));
        // Two are spelt like that in peft.
        Assert.All(json.Where(p => p.Key is not ("deltaT" or "apply_GS")), p => Assert.Equal(p.Key.ToLowerInvariant(), p.Key));
    }
}
