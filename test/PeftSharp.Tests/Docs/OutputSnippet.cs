using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Runs;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippet of docs/outputs.md.</summary>
internal static class OutputSnippet
{
    internal static void Write(PeftMethod adapter)
    {
        var options = new OutputOptions { Overwrite = true };
        using var output = OutputFolder.Plan("runs/mine", options, "models/bert-base");
        AdapterFolder.Save(adapter, output.Create(), AdapterFormat.Peft);
        output.Finish();
    }
}
