using System.Net;
using PeftSharp.Files;

namespace PeftSharp.Hub;

/// <summary>A hub's refusals as sentences.</summary>
internal static class HubErrors
{
    /// <summary>What an answer that is no success means.</summary>
    public static HubException For(HttpResponseMessage response, HubRequest request, HubSettings settings)
    {
        var (id, revision) = (request.About.Id, request.About.Revision);
        var code = Header(response, "X-Error-Code");
        var said = Header(response, "X-Error-Message") is { } message ? $" ({Quoted.Name(message)})" : "";
        var token = settings.Token is null ? "set HF_TOKEN to a token that may read it" : "check that the token in use may read it";
        return code switch
        {
            "RevisionNotFound" =>
                new(
                    HubProblem.NoRevision,
                    $"{id} at {settings.Endpoint} has no revision {Quoted.Name(revision)}; give a branch, a tag or a commit that it has."),
            "EntryNotFound" =>
                new(
                    HubProblem.NoFile,
                    $"{id} at revision {Quoted.Name(revision)} has no file {Quoted.Name(request.File ?? "")}; check the name, or choose "
                    + "another revision."),
            "GatedRepo" => new(HubProblem.Gated, $"{id} is gated{said}; accept its terms at {settings.Endpoint}/{id}, and {token}."),
            "RepoNotFound" => NoRepository(),
            _ => response.StatusCode switch
            {
                HttpStatusCode.Unauthorized when settings.Token is not null =>
                    new(
                        HubProblem.Denied,
                        $"{settings.Endpoint} refuses the token for {id}{said}; check HF_TOKEN, or the token file, and that {id} exists."),
                HttpStatusCode.Unauthorized => NoRepository(),
                HttpStatusCode.Forbidden =>
                    new(
                        HubProblem.Denied,
                        $"{settings.Endpoint} denies access to {id}{said}; "
                        + $"{(request.Body is null ? token : "use a token that may write to it")}."),
                HttpStatusCode.NotFound => NoRepository(),
                var status =>
                    new(
                        HubProblem.BadAnswer,
                        $"{settings.Endpoint} answers {(int)status} for {request.Url.AbsolutePath}{said}; check HF_ENDPOINT and the "
                        + $"name {id}."),
            },
        };

        HubException NoRepository() =>
            new(HubProblem.NoRepository, $"{settings.Endpoint} has no repository {id}, or it is private; check the name, or {token}.");
    }

    /// <summary>An answer that breaks the protocol.</summary>
    public static HubException Bad(HubRequest request, string found, Exception? inner = null) => Bad(request.About, found, inner);

    /// <summary>An answer that breaks the protocol.</summary>
    public static HubException Bad(HubRepository about, string found, Exception? inner = null)
    {
        var sentence = $"The hub's answer about {about} holds {found}; check that HF_ENDPOINT is a hub that you trust, and try again.";
        return inner is null ? new(HubProblem.BadAnswer, sentence) : new(HubProblem.BadAnswer, sentence, inner);
    }

    public static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;
}
