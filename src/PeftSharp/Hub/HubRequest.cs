using System.Net.Http.Headers;

namespace PeftSharp.Hub;

/// <summary>One request, made anew for each attempt and each redirect.</summary>
/// <param name="Method">The verb.</param>
/// <param name="Url">Where.</param>
/// <param name="About">The repository that it concerns, for messages.</param>
internal sealed record HubRequest(HttpMethod Method, Uri Url, HubRepository About)
{
    /// <summary>The file that it concerns, for messages.</summary>
    public string? File { get; init; }

    /// <summary>Makes the body.</summary>
    public Func<HttpContent>? Body { get; init; }

    /// <summary>Asks for the part from this byte on.</summary>
    public long From { get; init; }

    /// <summary>Media type of the answer.</summary>
    public string? Accept { get; init; }

    /// <summary>Further headers.</summary>
    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    /// <summary>Sees every answer; true takes a redirect as the answer instead of following it.</summary>
    public Func<HttpResponseMessage, bool>? Enough { get; init; }

    /// <summary>True where a second attempt could do the work twice.</summary>
    public bool Once { get; init; }

    public HttpRequestMessage Message(Uri url)
    {
        var message = new HttpRequestMessage(Method, url) { Content = Body?.Invoke() };
        // A compressed body has another size than the file.
        message.Headers.AcceptEncoding.Add(new("identity"));
        if (Accept is not null) message.Headers.Accept.Add(new(Accept));
        if (From > 0) message.Headers.Range = new RangeHeaderValue(From, null);
        foreach (var (name, value) in Headers ?? new Dictionary<string, string>()) message.Headers.TryAddWithoutValidation(name, value);
        return message;
    }
}
