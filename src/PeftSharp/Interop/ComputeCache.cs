using System.Text.Json;

namespace PeftSharp.Interop;

/// <summary>Remembers measured speeds in a per-user file. A cache: nothing that goes wrong with the file matters.</summary>
internal static class ComputeCache
{
    /// <summary>The per-user file; null where the user has no folder.</summary>
    public static string? DefaultPath => UserCache.Path("compute.json");

    public static ComputeSpeed? Read(string? path, string key) =>
        ReadAll(path).TryGetValue(key, out var speed) && double.IsFinite(speed.Bf16Gflops) && speed is { Fp32Gflops: > 0, Bf16Gflops: > 0 }
            ? speed : null;

    public static void Write(string? path, string key, ComputeSpeed speed)
    {
        if (path is null) return;
        try
        {
            var all = ReadAll(path);
            all[key] = speed;
            var folder = Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!).FullName;
            var aside = Path.Combine(folder, $".{Guid.NewGuid():N}.tmp");
            File.WriteAllText(aside, JsonSerializer.Serialize(all));
            File.Move(aside, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }

    private static Dictionary<string, ComputeSpeed> ReadAll(string? path)
    {
        try
        {
            if (path is not null && File.Exists(path))
                return JsonSerializer.Deserialize<Dictionary<string, ComputeSpeed>>(File.ReadAllText(path)) ?? [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException) { }
        return [];
    }
}
