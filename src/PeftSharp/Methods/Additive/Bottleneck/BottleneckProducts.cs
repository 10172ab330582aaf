using System.Text.Json.Nodes;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>The settings of Compacter's products as AdapterHub writes them.</summary>
internal static class BottleneckProducts
{
    public static BottleneckOptions Read(JsonObject config, BottleneckOptions options)
    {
        bool Flag(string field, bool fallback) => config[field]?.GetValue<bool>() ?? fallback;
        return options with
        {
            Phm = Flag("phm_layer", false),
            PhmTerms = config["phm_dim"]?.GetValue<int>() ?? 4,
            PhmRank = config["phm_rank"]?.GetValue<int>() ?? 1,
            PhmBias = Flag("phm_bias", true),
            SharedPhmRule = Flag("shared_phm_rule", true),
            FactorizedPhmRule = Flag("factorized_phm_rule", false),
            LearnPhmRule = Flag("learn_phm", true),
            SharedPhmWeight = Flag("shared_W_phm", false),
            FactorizedPhmWeight = Flag("factorized_phm_W", true),
            PhmRuleStart = config["phm_c_init"]?.GetValue<string>() ?? "normal",
            PhmRuleDeviation = config["phm_init_range"]?.GetValue<double>() ?? 1e-4,
        };
    }

    public static void Write(JsonObject json, BottleneckOptions o)
    {
        json["phm_layer"] = o.Phm;
        json["phm_dim"] = o.PhmTerms;
        json["phm_rank"] = o.PhmRank;
        json["phm_bias"] = o.PhmBias;
        json["shared_phm_rule"] = o.SharedPhmRule;
        json["factorized_phm_rule"] = o.FactorizedPhmRule;
        json["learn_phm"] = o.LearnPhmRule;
        json["shared_W_phm"] = o.SharedPhmWeight;
        json["factorized_phm_W"] = o.FactorizedPhmWeight;
        json["phm_c_init"] = o.PhmRuleStart;
        json["phm_init_range"] = PythonNumber.Float(o.PhmRuleDeviation);
    }
}
