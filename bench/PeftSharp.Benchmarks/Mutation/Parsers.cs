using System.IO.Compression;
using PeftSharp.Cli.Training;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Formats;
using PeftSharp.Formats.Gguf;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs.Comparing;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Results;
using PeftSharp.Tokenization;
using PeftSharp.Tokenization.Chat;
using Encoding = System.Text.Encoding;

namespace PeftSharp.Benchmarks.Mutation;

/// <summary>Every reader of files from strangers, with good examples; a new reader adds its line here.</summary>
/// <param name="fixtures">The folder of the tests' fixtures, where the examples are.</param>
internal sealed class Parsers(string fixtures)
{
    private static readonly string[] PeftCases =
        ["bert-lora", "bert-lora-patterns", "bert-lora-regex", "bert-prefix", "bert-prompt", "bert-trainable-tokens", "bert-dora"];

    private static readonly string[] HubCases =
    [
        "adapterhub-bert-double-seq-bn", "adapterhub-bert-lora", "adapterhub-bert-mam", "adapterhub-bert-prefix", "adapterhub-bert-unipelt",
    ];

    // Names for the head that is the base's own.
    private const string HeadConfig =
        """
        {"config": null, "hidden_size": 32, "label2id": {"a": 0, "b": 1, "c": 2}, "model_class": "BertForSequenceClassification",
         "model_name": "bert", "model_type": "bert", "name": null, "num_labels": 3, "version": "adapters.1.2.0"}
        """;

    private const string FlexibleConfig =
        """
        {"config": {"activation_function": "tanh", "dropout_prob": 0.1, "head_type": "tagging", "label2id": {"O": 0, "B": 1}, "layers": 2,
         "num_labels": 2}, "hidden_size": 32, "model_class": "BertAdapterModel", "model_name": "bert", "model_type": "bert", "name": "a",
         "version": "adapters.1.2.0"}
        """;

    private TransformerModel? _model;

    /// <summary>The readers.</summary>
    public IReadOnlyList<MutatedParser> All =>
    [
        new(
            "config.json", "config.json", Models("config.json"),
            path => ModelLoader.Load(Path.GetDirectoryName(path)!)) { Beside = Files("models/bert/model.safetensors") },
        new(
            "model.safetensors", "model.safetensors", Models("model.safetensors"),
            path => ModelLoader.Load(Path.GetDirectoryName(path)!)) { Beside = Files("models/bert/config.json") },
        new("x.gguf", "x.gguf", Ggufs(), ReadGguf),
        new(
            "safetensors index", "model.safetensors.index.json", [Index()],
            path => Checkpoint.Open(path).Dispose()) { Beside = Files("models/bert/model.safetensors") },
        new(
            "peft settings", "adapter_config.json", Cases(PeftCases, "adapter_config.json"),
            Attach) { Beside = Files("cases/bert-lora/adapter_model.safetensors") },
        // Settings are read to their end where the tensors beside them are theirs.
        .. HubCases.Select(
            name => new MutatedParser(
                $"AdapterHub settings of {name["adapterhub-bert-".Length..]}", "adapter_config.json", Cases([name], "adapter_config.json"),
                Attach) { Beside = Files($"cases/{name}/adapter.safetensors") }),
        new(
            "AdapterHub head", "head_config.json", [.. Text(HeadConfig), .. Text(FlexibleConfig)],
            Attach) { Beside = Files("cases/adapterhub-bert-lora/adapter_config.json", "cases/adapterhub-bert-lora/adapter.safetensors") },
        new(
            "adapter tensors", "adapter_model.safetensors", Cases(["bert-lora"], "adapter_model.safetensors"),
            Attach) { Beside = Files("cases/bert-lora/adapter_config.json") },
        new("tokenizer.json", "tokenizer.json", Tokenizers(), Encode),
        new(
            "tokenizer.model", "tokenizer.model",
            [File.ReadAllBytes(Path.Combine(fixtures, "tokenizers", "sentencepiece-model-bpe", "tokenizer.model")), Pieces()], Encode),
        new(
            "chat template", "chat_template.jinja", Templates(),
            path => ChatTemplate.Parse(File.ReadAllText(path)).Render([new("user", "a"), new("assistant", "b")])),
        new("tokenizer_config.json", "tokenizer_config.json",
            Text("""{"tokenizer_class": "BertTokenizer", "do_lower_case": true, "pad_token": "[PAD]", "added_tokens_decoder": {"0": """
            + """{"content": "[PAD]", "special": true}}, "model_max_length": 512}"""), Encode) { Beside = Vocabulary() },
        new("vocab.txt", "vocab.txt", Text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\ntext\n"), Encode),
        new("merges.txt", "merges.txt", Text("#version: 0.2\na b\nab c\n"), Encode)
        {
            Beside = new Dictionary<string, byte[]>
            {
                ["vocab.json"] = Text(
                    """{"<s>": 0, "</s>": 1, "<unk>": 2, "<pad>": 3, "a": 4, "b": 5, "c": 6, "ab": 7, "abc": 8, "<mask>": 9}""")[0],
            },
        },
        new("run.json", "run.json",
            Text("""{"program": "peft 0.1.0", "interrupted": false, "problem": "classification", "task": null, "labels": ["a", "b"],"""
            + """ "settings": {"max_length": 128, "pooling": "pooler", "quantize": "nf4", "block_size": 64, "double_quant": false},"""
            + """ "metrics": {"accuracy": 0.5}}"""), path => RunFile.TryRead(Path.GetDirectoryName(path)!)),
        new("peft_proof.json", AdapterProof.FileName, [Proof()], path => AdapterProof.TryRead(Path.GetDirectoryName(path)!)),
        new(
            "recipe", "recipe.yaml",
            Text(
                "base_model: m\nmethod: lora\ndata: d\nr: 8\ntarget_modules: [query, value]\nlearning_rate: 5e-4\npeft_config:\n  "
                + "lora_alpha: 16\n  rank_pattern: {query: 4}\nseed: 1\n"),
            path => RecipeFile.Apply(path, new TrainSettings())),
        new(
            "plan", "plan.yaml",
            Text(
                "base_model: a\ndatasets: {a: {data: x, label_column: y}, b: z}\nmethods:\n  lora:\n    grid: {r: [4, 8], lora_alpha: [1, "
                + "2]}\n  bitfit:\nseeds: [1, 2]\nlearning_rates: [1e-4, 5e-4]\nbudget_minutes: 3\nsearch_rows: 100\n"),
            path => _ = CompareFile.Read(path).Cells().ToList()),
        new("JSON of a hub", "answer.json",
            Text("""[{"type": "file", "oid": "0a", "size": 3, "path": "config.json", "lfs": {"oid": "00", "size": 3, "pointerSize":"""
            + """ 1}}]"""), path => StrictJson.Node(new("The answer", "try again"), File.ReadAllBytes(path))),
        new(
            "rows of CSV", "rows.csv", Text("\uFEFFid,text,label\r\n1,\"a, \"\"b\"\"\r\nc\",pos\r\n2,plain,neg\r\n3,\"x;y\",pos\r\n"),
            Rows),
        new("rows of TSV", "rows.tsv", Text("id\ttext\tlabel\n1\ta \"b\"\t0\n2\tplain\t1\n3\tc|d\t0\n"), Rows),
        new("rows of JSON lines", "rows.jsonl", Text("""
            {"id": 1, "text": "a\u00e9\ud83d\ude00", "label": "pos"}
            {"id": 2.5e3, "text": "b", "label": "neg", "more": {"x": [1, null, true]}}
            """), Rows),
        new("rows with lists of labels", "rows.jsonl", [
            .. Text("{\"text\": \"a\", \"labels\": [\"x\", \"y\"]}\n{\"text\": \"b\", \"labels\": []}\n"),
            .. Text("{\"text\": \"a\", \"labels\": [0.0, 1.0]}\n{\"text\": \"b\", \"labels\": [1.0, 0.0]}\n"),
        ], Rows),
        new("rows of a JSON array", "rows.json",
            Text("""[{"input_ids": [1, 2, 3], "attention_mask": [1, 1, 0], "label": 1}, {"input_ids": [4, 5], "token_type_ids": [0,"""
            + """ 1], "label": 0}]"""), Rows),
        new("rows of gzip", "rows.csv.gz", [Packed("text,label\na,1\nb,0\nc,1\n")], Rows),
        new(
            "rows of parquet", "rows.parquet",
            [.. Directory.GetFiles(Path.Combine(fixtures, "data"), "*.parquet").Order(StringComparer.Ordinal).Select(File.ReadAllBytes)],
            Rows),
    ];

    private static void Rows(string path) => TextDataset.Load(path, new DataOptions { OnBadRow = OnBadRow.Skip, KeepAll = true });

    private static byte[] Packed(string text)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true)) gzip.Write(Encoding.UTF8.GetBytes(text));
        return packed.ToArray();
    }

    private void Attach(string path)
    {
        // The base's own head: adapters of AdapterHub's fixtures leave theirs out.
        var peft = new PeftModel(_model ??= ModelLoader.Load(Path.Combine(fixtures, "models", "bert")));
        using var scope = TorchSharp.torch.NewDisposeScope();
        AdapterFolder.Open(Path.GetDirectoryName(path)!).LoadInto(peft, "a");
        peft.Remove("a");
    }

    private static void Encode(string path)
    {
        var tokenizer = Tokenizer.Load(path.EndsWith(".gguf", StringComparison.Ordinal) ? path : Path.GetDirectoryName(path)!);
        var encoded = tokenizer.Encode("A text, not long: [MASK] 한국어 abc.", "and a second one", maxLength: 64);
        tokenizer.Decode(encoded.Ids);
    }

    private byte[][] Models(string file) => [File.ReadAllBytes(Path.Combine(fixtures, "models", "bert", file))];

    private byte[][] Cases(string[] names, string file) =>
        [.. names.Select(name => File.ReadAllBytes(Path.Combine(fixtures, "cases", name, file)))];

    private byte[][] Tokenizers() =>
    [
        Encoding.UTF8.GetBytes("""{"added_tokens": [{"id": 0, "content": "[UNK]", "special": true}], "normalizer": {"type":"""
            + """ "Sequence", "normalizers": [{"type": "BertNormalizer", "lowercase": true}, {"type": "Replace", "pattern": {"String":"""
            + """ "a"}, "content": "b"}]}, "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": {"type":"""
            + """ "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A","""
            + """ "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],"""
            + """ "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}}}, "decoder": {"type": "WordPiece"},"""
            + """ "model": {"type": "WordPiece", "unk_token": "[UNK]", "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "[CLS]":"""
            + """ 1, "[SEP]": 2, "a": 3, "##b": 4, "c": 5}}}"""),
        .. new DirectoryInfo(Path.Combine(fixtures, "tokenizers")).GetDirectories()
            .Select(folder => Path.Combine(folder.FullName, "tokenizer.json"))
            .Where(file => new FileInfo(file) is { Exists: true, Length: < 50_000 }).Select(File.ReadAllBytes),
    ];

    // A Unigram model of five pieces, small enough for a mutation to hit every field.
    private static byte[] Pieces()
    {
        using var file = new MemoryStream();
        foreach (var (text, kind) in new[] { ("<unk>", 2), ("a", 1), ("b", 4), ("\u2581", 1), ("ab", 1) })
        {
            byte[] piece =
                [0x0A, (byte)Encoding.UTF8.GetByteCount(text), .. Encoding.UTF8.GetBytes(text), 0x15, 0, 0, 0x80, 0xBF, 0x18, (byte)kind];
            file.Write([0x0A, (byte)piece.Length, .. piece]);
        }
        file.Write([0x12, 5, 0x18, 1, 0x98, 0x02, 1, 0x1A, 2, 0x20, 1]);
        return file.ToArray();
    }

    private byte[][] Templates()
    {
        using var rows = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(Path.Combine(fixtures, "chat", "jinja.json")));
        return [
            .. rows.RootElement.EnumerateArray()
                .Select(row => row.GetProperty("template").GetString()!)
                .Distinct()
                .Select(Encoding.UTF8.GetBytes),
        ];
    }

    private static void ReadGguf(string path)
    {
        using var model = ModelLoader.Load(path);
        Encode(path);
    }

    // A decoder of one layer with either kind of tokenizer.
    private byte[][] Ggufs()
    {
        var file = Path.Combine(Path.GetTempPath(), $"peftsharp-{Path.GetRandomFileName()}.gguf");
        try
        {
            return [.. new[] { "sentencepiece-model-bpe", "bytelevel-gpt2" }.Select(name =>
            {
                var tokenizer = Tokenizer.Load(Path.Combine(fixtures, "tokenizers", name));
                var config = new System.Text.Json.Nodes.JsonObject
                {
                    ["model_type"] = "llama", ["architectures"] = new System.Text.Json.Nodes.JsonArray("LlamaForCausalLM"),
                    ["vocab_size"] = tokenizer.VocabularySize, ["hidden_size"] = 32,
                    ["intermediate_size"] = 32, ["num_hidden_layers"] = 1, ["num_attention_heads"] = 4, ["num_key_value_heads"] = 2,
                    ["tie_word_embeddings"] = true,
                };
                using var model = ModelLoader.Create(ModelConfig.From(config), null, new());
                GgufModel.Write(model, file, GgufQuantization.Q8, tokenizer);
                return File.ReadAllBytes(file);
            })];
        }
        finally
        {
            File.Delete(file);
        }
    }

    private byte[] Proof()
    {
        var peft = new PeftModel(
            ModelLoader.Load(Path.Combine(fixtures, "models", "bert"), new() { Task = TaskKind.Classification, Labels = ["a", "b", "c"] }));
        var folder = AdapterFolder.Open(Path.Combine(fixtures, "cases", "bert-lora"));
        var adapter = folder.LoadInto(peft, "a");
        return Encoding.UTF8.GetBytes(
            ProofJson.Text(AdapterProof.Create(peft, adapter, Path.Combine(fixtures, "models", "bert"), folder, null)));
    }

    private byte[] Index()
    {
        using var checkpoint = Checkpoint.Open(Path.Combine(fixtures, "models", "bert"));
        return Encoding.UTF8.GetBytes(
            "{\"metadata\": {\"total_size\": 1}, \"weight_map\": "
            + $"{{{string.Join(", ", checkpoint.Names.Select(name => $"\"{name}\": \"model.safetensors\""))}}}}}");
    }

    private static Dictionary<string, byte[]> Vocabulary() =>
        new() { ["vocab.txt"] = Text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\ntext\n")[0] };

    private static byte[][] Text(string text) => [Encoding.UTF8.GetBytes(text)];

    private Dictionary<string, byte[]> Files(params string[] paths) =>
        paths.ToDictionary(path => Path.GetFileName(path), path => File.ReadAllBytes(Path.Combine(fixtures, path)));
}
