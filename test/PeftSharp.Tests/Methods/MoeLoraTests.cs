using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.MoeLora;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>Mixtures of LoRA experts.</summary>
public sealed class MoeLoraTests
{
    [Fact]
    public void One_Expert_Is_A_Lora() => EqualsLora(new MoeLoraOptions { Experts = 1, Rank = 3, Alpha = 5 }, expert: 0, steer: 0);

    [Theory]
    [InlineData(null)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_Gate_That_Is_One_Leaves_Its_Expert_Alone(int? active) =>
        EqualsLora(new MoeLoraOptions { Experts = 3, Active = active, Rank = 3, Alpha = 5 }, expert: 1, steer: 1e4);

    [Fact]
    public void Equal_Gates_Make_The_Mean_Of_The_Experts()
    {
        using Bench mixed = new("bert", ScalarType.Float64), plain = new("bert", ScalarType.Float64);
        var moe = mixed.Add(new MoeLoraOptions { Experts = 4, Rank = 2, Alpha = 2 });
        Bench.Disturb(moe);
        // Scores that are all the same leave no choice; the four experts are one LoRA of rank 8 at a quarter of the scale.
        var lora = plain.Add(new LoraOptions { Rank = 8, Alpha = 2 });
        using (no_grad())
            foreach (var tensor in moe.Tensors)
            {
                if (tensor.Local == "moe_router.weight") tensor.Value.zero_();
                else Twin(lora, tensor).copy_(tensor.Value);
            }
        Bits.AssertClose(plain.Logits(lora), mixed.Logits(moe), Rounding.Exact, "The output");
    }

    [Fact]
    public void What_Does_Not_Fit_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new MoeLoraOptions { Experts = 0 }), "\"num_experts\" is 0");
        Refusal.Of(bench, () => bench.Add(new MoeLoraOptions { Active = 5 }), "\"top_k\" is 5", "4");
    }

    private static void EqualsLora(MoeLoraOptions options, int expert, double steer)
    {
        using Bench mixed = new("bert", ScalarType.Float64), plain = new("bert", ScalarType.Float64);
        var moe = mixed.Add(options);
        Bench.Disturb(moe);
        var lora = plain.Add(new LoraOptions { Rank = options.Rank, Alpha = options.Alpha });
        using var guard = no_grad();
        foreach (var tensor in moe.Tensors)
            switch (tensor.Local)
            {
                case "moe_A.weight":
                    Twin(lora, tensor).copy_(tensor.Value.narrow(0, expert * options.Rank, options.Rank));
                    break;
                case "moe_B.weight":
                    Twin(lora, tensor).copy_(tensor.Value.narrow(1, expert * options.Rank, options.Rank));
                    break;
                case "moe_router.weight":
                    Steer(mixed, tensor, expert, steer);
                    break;
                default:
                    Twin(lora, tensor).copy_(tensor.Value);
                    break;
            }
        Bits.AssertClose(plain.Logits(lora), mixed.Logits(moe), Rounding.Exact, "The output");
    }

    // Gives one expert the score `steer` and the others 0, whatever the token.
    private static void Steer(Bench bench, AdapterTensor router, int expert, double steer)
    {
        router.Value.zero_();
        if (steer == 0) return;
        var layer = router.Path.Contains("layer.0.", StringComparison.Ordinal)
            ? "bert.embeddings.LayerNorm"
            : "bert.encoder.layer.0.output.LayerNorm";
        Tensor Norm(string local) => bench.Sites.Slots.Single(s => s.Name == $"{layer}.{local}").Value;
        // Normalised numbers sum to zero, so Σ y / w = Σ b / w for every token.
        var direction = Norm("weight").reciprocal();
        var sum = (Norm("bias") * direction).sum();
        router.Value[expert].copy_(direction * (steer / sum));
    }

    private static Tensor Twin(PeftMethod lora, AdapterTensor tensor) => lora.Tensors.Single(t =>
        t.Path == tensor.Path && t.Local == tensor.Local.Replace("moe_", "lora_", StringComparison.Ordinal)).Value;
}
