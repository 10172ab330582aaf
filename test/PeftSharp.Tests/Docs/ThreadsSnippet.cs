using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippets of docs/memory-and-threads.md.</summary>
internal static class ThreadsSnippet
{
    internal static void Serve(IEnumerable<TokenBatch> requests)
    {
        // One model for the whole process.
        using var model = new PeftModel(ModelLoader.Load("models/all-MiniLM-L6-v2",
            new ModelOptions { Task = TaskKind.Classification, Labels = ["no", "yes"] }));
        AdapterFolder.Open("adapters/support").LoadInto(model, "support");
        Parallel.ForEach(requests, batch =>
        {
            using (batch)
            using (var output = model.Forward(batch, model.Select("support")))
                Console.WriteLine(string.Join(' ', output.Logits.data<float>().ToArray()));
        });
    }

    internal static void Mix(PeftModel model, TokenBatch batch)
    {
        AdapterFolder.Open("adapters/topics").LoadInto(model, "topics");           // seven labels; the base's head has two
        using var output = model.Forward(batch, model.SelectPerRow(["support", "topics", null]));
        for (var row = 0; row < batch.Rows; row++)
        {
            using var logits = output.RowLogits(row);                              // two numbers, seven, two
            Console.WriteLine(string.Join(' ', logits.data<float>().ToArray()));
        }
    }

    internal static void Train(PeftModel model)
    {
        var adapter = model.Add(new LoraOptions { Rank = 8 }, "topics", outputs: 7);
        Console.WriteLine(adapter.Outputs);
    }
}
