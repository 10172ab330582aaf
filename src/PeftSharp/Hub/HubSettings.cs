using System.Globalization;
using System.Text.RegularExpressions;
using PeftSharp.Files;

namespace PeftSharp.Hub;

/// <summary>Where the hub is, where its files are kept, and how patient to be.</summary>
public sealed partial record HubSettings
{
    private const long LongestToken = 4096;

    /// <summary>The server, without a slash at its end. Default: <c>https://huggingface.co</c>.</summary>
    public string Endpoint { get; init; } = "https://huggingface.co";

    /// <summary>The cache, shared with huggingface_hub.</summary>
    public required string CacheFolder { get; init; }

    /// <summary>What the server knows the user by; sent to <see cref="Endpoint"/> only. Default: none.</summary>
    public string? Token { get; init; }

    /// <summary>True uses the cache only, and no network. Default: false.</summary>
    public bool Offline { get; init; }

    /// <summary>False keeps files in the snapshots themselves, as where links cannot be made. Default: true.</summary>
    public bool Symlinks { get; init; } = true;

    /// <summary>Files moved at once, from 1. Default: 4.</summary>
    public int Parallel { get; init; } = 4;

    /// <summary>Attempts in a row without progress, from 1. Default: 5.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>The pause after the first failure; it doubles with each further one, up to 16 times. Default: a second.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the server may be silent. Default: 30 seconds.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The settings of the environment, by the names and rules of huggingface_hub: HF_ENDPOINT, HF_HUB_CACHE (or HUGGINGFACE_HUB_CACHE),
    /// HF_HOME (or XDG_CACHE_HOME), HF_TOKEN (or HUGGING_FACE_HUB_TOKEN, or the file HF_TOKEN_PATH), HF_HUB_OFFLINE (or
    /// TRANSFORMERS_OFFLINE), HF_HUB_DISABLE_SYMLINKS, HF_HUB_DISABLE_IMPLICIT_TOKEN and HF_HUB_DOWNLOAD_TIMEOUT.
    /// </summary>
    /// <param name="variable">Where to look variables up. Default: the process's environment.</param>
    /// <exception cref="PeftException">A variable has a value that means nothing.</exception>
    public static HubSettings FromEnvironment(Func<string, string?>? variable = null)
    {
        string? Get(params string[] names) =>
            names.Select(variable ?? Environment.GetEnvironmentVariable).FirstOrDefault(v => !string.IsNullOrEmpty(v));
        bool Is(params string[] names) => Get(names)?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE";
        var user = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string Expanded(string path) =>
            Variables().Replace(
                path.StartsWith("~/", StringComparison.Ordinal) || path == "~" ? user + path[1..] : path,
                m => Get(m.Groups[1].Value + m.Groups[2].Value) ?? m.Value);
        var home = Expanded(Get("HF_HOME") ?? Path.Combine(Get("XDG_CACHE_HOME") ?? Path.Combine(user, ".cache"), "huggingface"));
        var settings = new HubSettings
        {
            CacheFolder = Path.GetFullPath(Expanded(Get("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub"))),
            Offline = Is("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"),
            Symlinks = !Is("HF_HUB_DISABLE_SYMLINKS"),
            Token = Clean(Get("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"), "HF_TOKEN")
                ?? (Is("HF_HUB_DISABLE_IMPLICIT_TOKEN") ? null : FromFile(Expanded(Get("HF_TOKEN_PATH") ?? Path.Combine(home, "token")))),
        };
        if (Get("HF_ENDPOINT") is { } endpoint) settings = settings with { Endpoint = Checked(endpoint) };
        return Get("HF_HUB_DOWNLOAD_TIMEOUT") is not { } seconds ? settings
            : int.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
                && count is > 0 and <= 86400 ? settings with { Timeout = TimeSpan.FromSeconds(count) }
            : throw new PeftException($"HF_HUB_DOWNLOAD_TIMEOUT is {Quoted.Name(seconds)}; expected seconds, from 1 to 86400.");
    }

    // The token must not land in a log.
    /// <inheritdoc/>
    public override string ToString() => $"{Endpoint}, kept in {CacheFolder}";

    private static string Checked(string endpoint) =>
        Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.Query.Length == 0
        ? endpoint.TrimEnd('/')
        : throw new PeftException(
            $"HF_ENDPOINT is {Quoted.Name(endpoint)}; expected the address of a hub, for example https://huggingface.co.");

    private static string? FromFile(string path)
    {
        try
        {
            // An empty file, and one that could be waited for, hold no token.
            return File.Exists(path) && FileSize.Of(path) is > 0 and <= LongestToken ? Clean(File.ReadAllText(path), path) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException(
                $"The token file {path} could not be read ({e.Message.TrimEnd('.')}); check its permissions, or set HF_TOKEN.", e);
        }
    }

    private static string? Clean(string? token, string source)
    {
        token = token?.Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal).Trim();
        if (string.IsNullOrEmpty(token)) return null;
        return token.All(c => c is > ' ' and <= '~') ? token
            : throw new PeftException($"{source} holds a character that no token has; copy the token again from the hub's settings.");
    }

    [GeneratedRegex(@"\$(?:\{(\w+)\}|(\w+))")]
    private static partial Regex Variables();
}
