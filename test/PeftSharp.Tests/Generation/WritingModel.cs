using System.Text;
using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Interop;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Tests.Files;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Generation;

/// <summary>A folder with a tiny Llama, a byte-level tokenizer, a chat template, and rows to learn from.</summary>
internal sealed class WritingModel : IDisposable
{
    public const string Template = "{% for m in messages %}{{ '<' + m['role'] + '>' + m['content'] + '<|endoftext|>' }}\n{% endfor "
        + "%}{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}";

    private readonly TempFolder _folder = new();

    public WritingModel(bool chat = true)
    {
        LibTorch.EnsureLoaded();
        Directory.CreateDirectory(Model);
        var json = JsonNode.Parse("""
            { "model_type": "llama", "vocab_size": 1400, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "intermediate_size": 56, "max_position_embeddings": 256, "hidden_act": "silu",
              "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0,
              "initializer_range": 0.4, "architectures": ["LlamaForCausalLM"] }
            """)!.AsObject();
        File.WriteAllText(Path.Combine(Model, "config.json"), json.ToJsonString());
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        using var model = ModelLoader.Create(ModelConfig.From(json), null, new() { Task = TaskKind.CausalLanguage, Seed = 5 });
        SafetensorsWriter.Write(Path.Combine(Model, "model.safetensors"),
            model.Sites.Slots.Select(slot => KeyValuePair.Create(slot.Name, slot.Value)));
        File.Copy(TestPaths.Fixture("tokenizers", "bytelevel-gpt2", "tokenizer.json"), Path.Combine(Model, "tokenizer.json"));
        if (chat) File.WriteAllText(Path.Combine(Model, "chat_template.jinja"), Template, new UTF8Encoding(false));
        File.WriteAllText(Rows, string.Concat(Enumerable.Range(0, 40).Select(i => new JsonObject
        {
            ["instruction"] = $"Which colour is number {i % 4}?",
            ["input"] = "",
            ["output"] = Colours[i % 4],
        }.ToJsonString() + "\n")));
    }

    public static string[] Colours { get; } = ["red", "green", "blue", "grey"];

    public string Model => _folder.File("model");

    public string Rows => _folder.File("rows.jsonl");

    public string File_(string name) => _folder.File(name);

    public void Dispose() => _folder.Dispose();
}
