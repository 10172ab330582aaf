using System.Text.Json.Nodes;
using PeftSharp.Files.Json;

namespace PeftSharp.Cli.Terminal;

/// <summary>JSON on standard output.</summary>
internal static class JsonOut
{
    public static void Write(JsonNode json) => Console.Out.WriteLine(JsonText.Text(json));
}
