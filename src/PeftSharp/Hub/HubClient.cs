using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Files.Json;

namespace PeftSharp.Hub;

/// <summary>Speaks HTTP with a hub: the token for its own server only, redirects, patience, bounded answers.</summary>
internal sealed class HubClient : IDisposable
{
    private const int MostRedirects = 10;
    private const int LargestReply = 16 << 20;
    private static readonly JsonBounds Bounds = new() { Bytes = LargestReply, Depth = 32 };
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);

    private readonly HttpClient _http;
    private readonly Uri _origin;

    public HubClient(HubSettings settings)
    {
        Settings = settings;
        _origin = new Uri(settings.Endpoint);
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = settings.Timeout,
            MaxResponseHeadersLength = 64,
        };
        _http = new HttpClient(handler) { Timeout = System.Threading.Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.Add(
            new ProductInfoHeaderValue("peftsharp", typeof(HubClient).Assembly.GetName().Version?.ToString(3)));
    }

    public HubSettings Settings { get; }

    /// <summary>An address below the endpoint; each part is escaped where it needs to be by the caller.</summary>
    public Uri Url(string path) => new($"{Settings.Endpoint}/{path}");

    /// <summary>Sends until there is an answer that another attempt would not change; a failure is thrown.</summary>
    /// <exception cref="HubException">The server cannot be reached or refuses.</exception>
    public async Task<HttpResponseMessage> SendAsync(HubRequest request, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            string problem;
            Exception? inner = null;
            TimeSpan? asked = null;
            try
            {
                var response = await FollowAsync(request, cancellation).ConfigureAwait(false);
                if (!IsPassing(response.StatusCode)) return response;
                asked = response.Headers.RetryAfter is { } after ? after.Delta ?? after.Date - DateTimeOffset.UtcNow : null;
                problem = $"it answers {(int)response.StatusCode}";
                response.Dispose();
            }
            catch (Exception e) when (IsNetwork(e, cancellation))
            {
                (problem, inner) = (Say(e), e);
            }
            if (attempt >= Settings.Attempts || request.Once || asked > LongestPause) throw Unreachable(problem, asked, inner);
            await PauseAsync(attempt, asked, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Sends, and reads a JSON answer of bounded size; anything but success is thrown as the failure that it means. With it comes the Link
    /// header, which names further pages.
    /// </summary>
    public async Task<(JsonNode Json, string? Link)> JsonAsync(HubRequest request, CancellationToken cancellation)
    {
        using var response = await SendAsync(request, cancellation).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode) throw HubErrors.For(response, request, Settings);
        using var patience = Patience(cancellation);
        try
        {
            var stream = await response.Content.ReadAsStreamAsync(patience.Token).ConfigureAwait(false);
            var (all, bytes) = (new MemoryStream(), new byte[1 << 14]);
            while (await stream.ReadAsync(bytes, patience.Token).ConfigureAwait(false) is > 0 and var read)
            {
                all.Write(bytes, 0, read);
                if (all.Length > LargestReply)
                    throw HubErrors.Bad(request, $"an answer of more than {LargestReply >> 20} MB at {request.Url.AbsolutePath}");
            }
            return (Json(request, all.GetBuffer().AsSpan(0, (int)all.Length)), HubErrors.Header(response, "Link"));
        }
        catch (Exception e) when (IsNetwork(e, cancellation))
        {
            throw Unreachable(Say(e), null, e);
        }
    }

    private static JsonNode Json(HubRequest request, ReadOnlySpan<byte> answer)
    {
        try
        {
            return StrictJson.Node(new($"The answer at {request.Url.AbsolutePath}", "try again"), answer, Bounds)
                ?? throw HubErrors.Bad(request, $"no JSON at {request.Url.AbsolutePath}");
        }
        catch (PeftException e) when (e is not HubException)
        {
            throw HubErrors.Bad(request, $"no JSON at {request.Url.AbsolutePath} that can be used ({e.Message.Split("; ")[0]})", e);
        }
    }

    /// <summary>A token that ends when the server is silent for too long; to be made anew for each wait.</summary>
    public CancellationTokenSource Patience(CancellationToken cancellation, int times = 1)
    {
        var source = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        source.CancelAfter(Settings.Timeout * times);
        return source;
    }

    public Task PauseAsync(int attempt, TimeSpan? asked, CancellationToken cancellation) =>
        Task.Delay(
            asked is { } wait
                ? (wait < TimeSpan.Zero ? TimeSpan.Zero : wait)
                : Settings.Pause * Math.Min(16, 1 << Math.Min(attempt - 1, 4)),
            cancellation);

    public HubException Unreachable(string problem, TimeSpan? asked, Exception? inner)
    {
        var advice = asked is { } wait
            ? $"try again in {Math.Ceiling(wait.TotalSeconds):0} seconds"
            : "check the connection and HF_ENDPOINT, or try again later";
        return new(
            HubProblem.Unreachable, $"{Settings.Endpoint} cannot be used at present ({problem}); {advice}.",
            inner ?? new IOException(problem));
    }

    public static bool IsNetwork(Exception e, CancellationToken cancellation) =>
        e is HttpRequestException or HttpIOException or System.Net.Sockets.SocketException
            || (e is OperationCanceledException && !cancellation.IsCancellationRequested)
            || e.InnerException is System.Net.Sockets.SocketException;

    public static string Say(Exception e) =>
        e is OperationCanceledException ? "it is silent" : (e.InnerException ?? e).Message.Split(". ")[0].TrimEnd('.');

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> FollowAsync(HubRequest request, CancellationToken cancellation)
    {
        var url = request.Url;
        for (var hop = 0; hop <= MostRedirects; hop++)
        {
            using var message = request.Message(url);
            // The token is the endpoint's: no other server gets it, whoever sends us there.
            if (Settings.Token is { } token && IsOurs(url)) message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            // A file takes the time that it takes; to think about a commit takes a server some.
            using var patience = Patience(cancellation, message.Content is null ? 1 : 10);
            var wait = request.Method == HttpMethod.Put ? cancellation : patience.Token;
            var response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, wait).ConfigureAwait(false);
            var redirects = response.StatusCode is HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther
                or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;
            if (request.Enough?.Invoke(response) == true || !redirects || response.Headers.Location is not { } location) return response;
            response.Dispose();
            if (!Uri.TryCreate(url, location, out var next))
                throw HubErrors.Bad(request, $"a redirect to {Quoted.Name(location.OriginalString)}, which is no address");
            if (next.Scheme is not ("http" or "https") || (url.Scheme == "https" && next.Scheme == "http"))
                throw HubErrors.Bad(
                    request, $"a redirect to {Quoted.Name(next.GetLeftPart(UriPartial.Authority))}, which is not as safe as {url.Scheme}");
            if (request.Body is not null && !IsOurs(next))
                throw HubErrors.Bad(request, $"a redirect to another server, {Quoted.Name(next.Authority)}, where data was to be sent");
            url = next;
        }
        throw HubErrors.Bad(request, $"more than {MostRedirects} redirects");
    }

    private bool IsOurs(Uri url) => url.Scheme == _origin.Scheme && url.Authority == _origin.Authority;

    private static bool IsPassing(HttpStatusCode code) => code is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests
        or HttpStatusCode.InternalServerError or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable
            or HttpStatusCode.GatewayTimeout;
}
