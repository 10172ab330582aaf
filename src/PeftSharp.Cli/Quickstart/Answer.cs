
namespace PeftSharp.Cli.Quickstart;

/// <summary>An answer to one sentence.</summary>
internal sealed record Answer(string Text, string Label, double Probability);
