using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Methods.Json;
using PeftSharp.Methods.Reparameterized.Lora;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Hybrid.XLora;

/// <summary>A trained LoRA in peft's format, as the folder of an expert holds it.</summary>
internal sealed class ExpertFolder
{
    private const string ConfigFile = "adapter_config.json", WeightsFile = "adapter_model.safetensors", Before = "base_model.model.";

    private readonly string _file;

    private ExpertFolder(LoraOptions options, string file, long numbers) => (Options, _file, Numbers) = (options, file, numbers);

    /// <summary>Its settings, without those of its own training.</summary>
    public LoraOptions Options { get; }

    /// <summary>How many numbers the folder holds.</summary>
    public long Numbers { get; }

    /// <summary>SHA-256 of its tensors' file, in lower-case hex.</summary>
    public string Digest() => FileDigest.Of(_file, cache: null);

    /// <summary>Reads the settings.</summary>
    /// <param name="name">The expert's name.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="whole">The settings that name it.</param>
    /// <exception cref="PeftException">The folder holds no LoRA in peft's format, or one that cannot be an expert.</exception>
    public static ExpertFolder Open(string name, string folder, XLoraOptions whole)
    {
        var (config, weights) = (Path.Combine(folder, ConfigFile), Path.Combine(folder, WeightsFile));
        if (!File.Exists(config) || !File.Exists(weights))
            throw new PeftException(
                $"XLORA: the folder of expert {Quoted.Name(name)}, {folder}, has no {(File.Exists(config) ? WeightsFile : ConfigFile)}; "
                + "expected the folder of a LoRA in peft's format.");
        var json = StrictJson.ReadObject(config, "give the folder of a LoRA in peft's format");
        var field = $"adapters.{Printable.Cut(name, 100)}";
        if (json["peft_type"]?.ToString() is { } type && MethodRegistry.ByPeftType(type) is { } method)
        {
            var settings = SettingsJson.Parse(json, method, config);
            whole.RequireExpert(settings, field);
            using var file = SafetensorsFile.Open(weights);
            var plain = (LoraOptions)settings with
            {
                ModulesToSave = null,
                Source = null,
                Unknown = null,
                TaskType = null,
                BaseModel = null,
            };
            return new(plain, weights, file.Tensors.Values.Sum(tensor => tensor.Count));
        }
        throw new PeftException(
            $"{config} has no \"peft_type\" that is known here; expected the LoRA that \"{field}\" names, in peft's format.");
    }

    /// <summary>Gives an attached expert the folder's tensors; the expert's own head is left out, for the whole has one.</summary>
    /// <exception cref="PeftException">They do not fit the model.</exception>
    public void Fill(PeftMethod expert, MethodHost host)
    {
        using var file = SafetensorsFile.Open(_file);
        bool IsHead(string key) => key.StartsWith(Before, StringComparison.Ordinal)
            && host.WholeHead.Any(module => Targets.IsSavedModule(key[Before.Length..], module))
            && !key.Contains(".lora_", StringComparison.Ordinal);
        Dictionary<string, Tensor> saved = file.Tensors.Keys.Where(key => !IsHead(key)).ToDictionary(key => key, file.Read);
        try
        {
            expert.LoadTensors(saved, AdapterFormat.Peft, _file);
        }
        finally
        {
            foreach (var tensor in saved.Values) tensor.Dispose();
        }
    }
}
