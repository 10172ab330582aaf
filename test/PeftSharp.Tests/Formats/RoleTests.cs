using System.Text.Json.Nodes;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;

namespace PeftSharp.Tests.Formats;

/// <summary>AdapterHub names matrices by role, peft by module: going from one to the other keeps every matrix.</summary>
public sealed class RoleTests
{
    [Fact]
    public void Matrices_Named_By_Role_Are_Named_By_Module_For_Peft()
    {
        using Bench bench = new("bert"), fresh = new("bert");
        var options = MethodRegistry.FromAdapterHub((JsonObject)JsonNode.Parse(
            """{ "architecture": "lora", "composition_mode": "add", "attn_matrices": ["k"], "output_lora": true, "r": 4 }""")!,
                "adapter_config.json");
        var adapter = bench.Peft.Add(options, "roles");
        bench.Train(adapter);
        using var folder = new TempFolder();
        AdapterFolder.Save(adapter, folder.Root, AdapterFormat.Peft);
        Bits.AssertSame(bench.Logits(adapter), fresh.Logits(AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft)), "The output");
    }

    [Fact]
    public void Prefix_Whose_Network_Is_Unknown_Is_Trained_From_Then_On()
    {
        using Bench bench = new("bert"), fresh = new("bert");
        using var folder = new TempFolder();
        AdapterFolder.Save(bench.Add("prefix-projection"), folder.Root, AdapterFormat.Peft);
        File.Delete(folder.File("adapter_encoder.safetensors")); // as peft writes it
        var loaded = AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft);
        var before = fresh.Logits(loaded);
        Assert.False(loaded.EncoderIsKnown);
        fresh.Train(loaded);
        Assert.True(loaded.EncoderIsKnown);
        Bits.AssertDiffers(before, fresh.Logits(loaded), "Training");
    }
}
