using System.CommandLine;
using PeftSharp.Cli.Verbs;
using PeftSharp.Runs.Sources;

namespace PeftSharp.Cli.Hub;

/// <summary>The options that name a model with its adapter, and the folders that they mean.</summary>
internal sealed class ModelParts
{
    public readonly Option<string> Base = VerbParts.Base(), Adapter = VerbParts.Adapter(), Revision = VerbParts.Revision();

    /// <summary>Checks that a model is named, before any work. An adapter alone suffices: it names its base.</summary>
    public void Need(ParseResult parsed, string verb)
    {
        if (string.IsNullOrEmpty(parsed.GetValue(Adapter))) VerbParts.Need(parsed, Base, verb);
    }

    /// <summary>The folders of the base and of the adapter, if there is one; fetched where need be.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="verb">The verb.</param>
    /// <param name="composed">True if the verb takes several adapters as an expression.</param>
    public (ModelFolder Base, ModelFolder? Adapter) Find(ParseResult parsed, string verb, bool composed = false)
    {
        Need(parsed, verb);
        var (named, revision) = (parsed.GetValue(Base), parsed.GetValue(Revision));
        return Folders.Find(verb, folders =>
        {
            var basis = string.IsNullOrEmpty(named) ? null : folders.Base(named, revision);
            var adapter = parsed.GetValue(Adapter) is { Length: > 0 } given ? composed ? folders.Adapters(given)
                : folders.Adapter(given)
                : null;
            return (basis ?? folders.BaseOf(adapter!, revision), adapter);
        });
    }
}
