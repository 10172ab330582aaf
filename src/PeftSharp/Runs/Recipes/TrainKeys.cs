using System.Text.Json;
using PeftSharp.Data;
using PeftSharp.Models;
using PeftSharp.Runs.Joint;
using PeftSharp.Runs.Rows;
using PeftSharp.Runs.Training;
using PeftSharp.Training.Optimizers;

namespace PeftSharp.Runs.Recipes;

/// <summary>
/// Every setting of a run, once: the recipe's keys, the options with their help and defaults, and run.json come from here.
/// </summary>
public static class TrainKeys
{
    /// <summary>Every setting, in the order of the documents.</summary>
    public static IReadOnlyList<TrainKey> All { get; } =
    [
        Of("base_model", "--base", "FOLDER", "The base model: a Hugging Face folder, or owner/name of the hub",
            s => ref s.Base, Text, "model_name_or_path", "base_model_name_or_path", "base") with { IsTold = true },
        Of(
            "adapter", "--adapter", "FOLDER",
            "Go on with this adapter on new rows: its method, settings, labels (new ones extend its head) and base",
            s => ref s.Adapter, Text, "adapter_name_or_path") with { IsTold = true },
        Of(
            "fuse", "--fuse", "FOLDER,FOLDER",
            "Train a fusion of these adapters on top of them, which stay as they are (AdapterFusion); an expression is taken as well: "
            + "fuse(A,stack(B,C))",
            s => ref s.Fuse, Text, "adapter_fusion") with { IsTold = true },
        Of(
            "adapter_drop", "--adapter-drop", "N",
            "Each step leaves the adapter out of so many of the lowest layers as are drawn from 0 to N, so that it serves without them "
            + "(AdapterDrop)",
            s => ref s.AdapterDrop, v => Values.Whole(v, 1, 1 << 16)) with { IsTold = true },
        Of("model_revision", "--revision", "NAME", "Branch, tag or commit of a base model of the hub",
            s => ref s.Revision, Text, "revision") with { Default = "main", IsTold = true },
        Of("method", "--method", "NAME", "A method, an alias or a preset; \"peft methods\" lists them",
            s => ref s.Method, Text, "peft_method", "peft_type") with { IsTold = true },
        Of(
            "data", "--data", "PATH",
            "Training rows: a .tsv, .csv, .jsonl (or .gz of these) or .parquet file, a pattern (\"part-*.parquet\"), or a folder with "
            + "its parts",
            s => ref s.Data, Text, "train_file", "dataset") with { IsTold = true },
        Of("eval_data", "--eval-data", "PATH", "Rows to score on",
            s => ref s.EvalData, Text, "validation_file") with { Default = "the validation part of a folder, or of --split-shares",
            IsTold = true },
        Of(
            "tasks", "--tasks", "NAME=PATH,NAME=PATH",
            "Train one adapter on several datasets, with a head for each; a recipe may list settings of the data for each",
            s => ref s.Tasks, TaskList.Parse) with { IsMixed = true },
        Of(
            "sampling_temperature", "--sampling-temperature", "N",
            "Of tasks: one of n rows has a share of the batches that is proportional to n^(1/N)",
            s => ref s.Temperature, v => Values.Number(v, 0, open: true)) with { IsTold = true },
        Of("text_column", "--text-column", "COLUMN", "Column of the text: a name, or a number from 1",
            s => ref s.Text, Text, "text", "text_column_name"),
        Of("pair_column", "--pair-column", "COLUMN", "Column of the second text",
            s => ref s.Pair, Text, "pair", "text_pair"),
        Of("label_column", "--label-column", "COLUMN", "Column of the label",
            s => ref s.Label, Text, "label", "label_column_name"),
        Of("label_columns", "--label-columns", "NAME,NAME", FileLayout.LabelColumnsHelp,
            s => ref s.LabelColumns, FileLayout.ColumnsOf, "label_column_names"),
        Of("label_separator", "--label-separator", "CHAR", FileLayout.LabelSeparatorHelp,
            s => ref s.LabelSeparator, v => FileLayout.SeparatorOf(v)),
        Of(
            "problem_type", "--problem", "KIND",
            "classification, multi_label_classification (any number of classes at once), regression, or generation (or causal-lm: prompts "
            + "with answers; alpaca, chats, ShareGPT, prompt and completion, texts)",
            s => ref s.Problem, Values.Problem) with { Default = "told from labels and columns" },
        Of(
            "packing", "--packing", null,
            "Of generation: put several sequences into each row of --max-length tokens; they do not see each other",
            s => ref s.Packing, Values.Flag) with { IsTold = true },
        Of("max_train_samples", "--take", "N", "Train on the first N rows",
            s => ref s.Take, v => Values.Whole(v, 1), "take") with { IsTold = true },
        Of("stratified", "--stratified", null, "With --take: draw the rows so that labels keep their shares",
            s => ref s.SampleStratified, Values.Flag) with { IsTold = true },
        Of(
            "split_shares", "--split-shares", "A,B,C",
            "Cut the rows into training, validation and test parts of these shares (two numbers: no test part)",
            s => ref s.SplitShares, Values.Shares) with { IsTold = true },
        Of("split_seed", "--split-seed", "N", "Seed of --split-shares and --stratified, apart from the run's",
            s => ref s.SplitSeed, Values.Seed) with { IsTold = true },
        Of("split_stratified", "--no-stratify", null, "Cut without regard to labels",
            s => ref s.SplitStratified, Values.Flag) with { IsTold = true, Switch = "false" },
        Of("data_memory", "--data-memory", "MB", "Memory for rows, and as much for tokens; more of them are kept in files",
            s => ref s.DataMemory, v => Values.Whole(v, 1)),
        Of("cache_dir", "--cache", "FOLDER", "Where those files, and a cached trunk, are kept while the run lasts",
            s => ref s.Cache, Text) with { Default = "the user's folder for caches" },
        Of("max_eval_samples", "--take-eval", "N", "Score on the first N rows",
            s => ref s.TakeEval, v => Values.Whole(v, 1)) with { IsTold = true },
        Of("rows", "--rows", "FILE", "Train on the rows that FILE lists: one zero-based number a line",
            s => ref s.Rows, Text) with { IsTold = true },
        Of("skip_bad_rows", "--skip-bad-rows", null, "Leave bad rows out instead of stopping at the first",
            s => ref s.SkipBadRows, Values.Flag),
        Of("allow_blank", "--allow-blank", null, FileLayout.AllowBlankHelp,
            s => ref s.AllowBlank, Values.Flag),
        Of("header", "--header", "yes|no", FileLayout.HeaderHelp,
            s => ref s.Header, v => Values.Flag(v)),
        Of("separator", "--separator", "CHAR", FileLayout.SeparatorHelp,
            s => ref s.Separator, v => FileLayout.SeparatorOf(v), "delimiter", "sep"),
        Of("quoted", "--quoted", "yes|no", FileLayout.QuotedHelp,
            s => ref s.Quoted, v => Values.Flag(v)),
        Of("no_label", "--no-label", "LABEL,LABEL", FileLayout.NoLabelHelp,
            s => ref s.NoLabel, FileLayout.LabelsOf),
        Of("max_length", "--max-length", "N", "Most tokens a row",
            s => ref s.MaxLength, v => Values.Whole(v, 3), "max_seq_length") with { Default = $"{TrainSettings.UsualLength}",
            IsTold = true },
        Of("num_train_epochs", "--epochs", "N", "Passes over the rows; fractions are allowed",
            s => ref s.Epochs, v => Values.Number(v, 0, open: true)) with { IsTold = true },
        Of("max_steps", "--max-steps", "N", "Optimizer steps, instead of epochs",
            s => ref s.MaxSteps, v => Values.Whole(v, 1)) with { IsTold = true },
        Of("per_device_train_batch_size", "--batch-size", "N", "Rows a batch",
            s => ref s.BatchSize, v => Values.Whole(v, 1), "train_batch_size", "batch_size") with { IsTold = true },
        Of("gradient_accumulation_steps", "--accumulate", "N", "Batches an optimizer step",
            s => ref s.Accumulate, v => Values.Whole(v, 1)) with { IsTold = true },
        Of(
            "max_tokens_per_pass", "--tokens-per-pass", "N",
            "Larger batches go through in parts, with the same gradient and less memory; 0 for no limit",
            s => ref s.TokensPerPass, v => Values.Whole(v, 0)) with { IsTold = true },
        Of("learning_rate", "--lr", "RATE", "Peak learning rate",
            s => ref s.LearningRate,
            v => Values.Number(v, 0, open: true)) with { Default = "5e-4, or 2e-5 where the whole model is trained", IsTold = true },
        Of(
            "lr_scheduler_type", "--schedule", "NAME",
            "linear, cosine, cosine_with_restarts, polynomial, constant, constant_with_warmup or inverse_sqrt",
            s => ref s.Schedule,
            v =>
                Values.OneOf(
                    v, "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup",
                    "inverse_sqrt")) with { IsTold = true },
        Of("warmup_ratio", "--warmup-ratio", "SHARE", "Share of the steps over which the rate rises",
            s => ref s.WarmupRatio, v => Values.Number(v, 0, 1)) with { IsTold = true },
        Of("warmup_steps", "--warmup-steps", "N", "Steps over which the rate rises, instead of a share",
            s => ref s.WarmupSteps, v => Values.Whole(v, 0)) with { IsTold = true },
        Of("weight_decay", "--weight-decay", "RATE", "Decay of trained weights, biases and norms left out",
            s => ref s.WeightDecay, v => Values.Number(v, 0)) with { IsTold = true },
        Of("adam_beta1", "--adam-beta1", "B", "AdamW's first factor",
            s => ref s.Beta1, v => Values.Number(v, 0, 1)) with { IsTold = true },
        Of("adam_beta2", "--adam-beta2", "B", "AdamW's second factor",
            s => ref s.Beta2, v => Values.Number(v, 0, 1)) with { IsTold = true },
        Of("adam_epsilon", "--adam-epsilon", "E", "AdamW's epsilon",
            s => ref s.Epsilon, v => Values.Number(v, 0, open: true)) with { IsTold = true },
        Of("optim", "--optim", "NAME", "adamw_torch, adamw_8bit, paged_adamw, paged_adamw_8bit (state in a file) or sgd",
            s => ref s.Optimizer, v => Values.OneOf(v, [.. OptimizerKind.Names])) with { IsTold = true },
        Of("max_grad_norm", "--max-grad-norm", "N", "Gradients are clipped to this norm; 0 for never",
            s => ref s.MaxGradNorm, v => Values.Number(v, 0)) with { IsTold = true },
        Of("seed", "--seed", "N", "Seed of everything random",
            s => ref s.Seed, Values.Seed) with { IsTold = true },
        Of("eval_steps", "--eval-steps", "N", "Score every N steps",
            s => ref s.EvalSteps, v => Values.Whole(v, 1)) with { Default = "after each epoch", IsTold = true },
        Of("early_stopping_patience", "--early-stopping", "N", "Stop after N scorings without progress, and keep the best",
            s => ref s.EarlyStopping, v => Values.Whole(v, 1), "early_stopping") with { IsTold = true },
        Of("load_best_model_at_end", "--load-best", null, "Keep the weights of the best scoring",
            s => ref s.LoadBest, Values.Flag) with { IsTold = true },
        Of("metric_for_best_model", "--metric", "NAME", "The metric that selects the best model",
            s => ref s.Metric, Text, "metric"),
        Of("quantization", "--quantize", "TYPE", "Keep the frozen weights in 4 or 8 bits: nf4, nf4-double, fp4, fp4-double or int8",
            s => ref s.Quantize, v => Values.OneOf(v, [.. Quantization.Names]), "quantize", "bnb_4bit_quant_type")
            with { ToldAs = "quantize" },
        Of("bnb_4bit_use_double_quant", "--double-quant", null, "Quantise the scales too",
            s => ref s.DoubleQuant, Values.Flag, "double_quant") with { ToldAs = "double_quant" },
        Of("bnb_4bit_blocksize", "--block-size", "N", "Weights of 4 bits that share a scale: a power of two from 32 to 4096",
            s => ref s.BlockSize, v => Values.PowerOfTwo(v, 32, 4096),
            "quantization_block_size") with { ToldAs = "block_size" },
        Of("compute", "--compute", "MODE", "Precision of frozen weights: auto (what is faster here), fp32 or bf16",
            s => ref s.Compute, v => Values.OneOf(v, ComputeModes.Modes)) with { IsTold = true },
        Of("device", "--device", "NAME", "Where to train: cpu, cuda, cuda:N or mps; GPUs are untested",
            s => ref s.Device, Text) with { IsTold = true },
        Of("pooling", "--pooling", "NAME", "How a text becomes one vector: pooler (as Hugging Face), cls or mean",
            s => ref s.Pooling, v => Values.OneOf(v, "pooler", "cls", "mean")) with { Default = "pooler", IsTold = true },
        Of("base_dropout", "--no-base-dropout", null, "Switch the frozen base's own dropout off",
            s => ref s.BaseDropout, Values.Flag) with { IsTold = true, Switch = "false" },
        Of(
            "cache_trunk", "--cache-trunk", null,
            "Compute what lies below the adapter once, keep it on disk (in the --cache folder) and reuse it in every epoch; its own "
            + "dropout is off",
            s => ref s.CacheTrunk, Values.Flag) with { IsTold = true },
        Of("gradient_checkpointing", "--checkpointing", null, "Recompute activations in the backward pass: less memory, more time",
            s => ref s.Checkpointing, Values.Flag) with { IsTold = true },
        Of("batch_order", "--order", "NAME", "bucketed (rows of like length together) or shuffled",
            s => ref s.Order, v => Values.OneOf(v, "bucketed", "shuffled"), "order") with { IsTold = true },
        Of("output_dir", "--out", "FOLDER", "Where to write the adapter",
            s => ref s.Out, Text, "out"),
        Of("format", "--format", "NAME", "Layout of the adapter: peft or adapterhub",
            s => ref s.Format, v => Values.OneOf(v, "peft", "adapterhub"), "adapter_format") with { Default = "the method's",
            IsTold = true },
        Of("dry_run", "--dry-run", null, "Try some of the steps, and tell what the whole run would count, need and write; write nothing",
            s => ref s.DryRun, Values.Flag),
        Of("overwrite_output_dir", "--overwrite", null, "Replace what an earlier run wrote there",
            s => ref s.Overwrite, Values.Flag, "overwrite"),
        Of("save_steps", "--save-steps", "N", "Save the state of the run every N steps",
            s => ref s.SaveSteps, v => Values.Whole(v, 1)) with { Default = "every ten minutes" },
        Of("save_strategy", "--save-strategy", "NAME", "When to save it: auto (every ten minutes, at ends of epochs), steps, epoch or no",
            s => ref s.SaveStrategy,
            v => Values.OneOf(v, "auto", "steps", "epoch", "no")) with { Default = "auto, or steps with --save-steps" },
        Of("save_total_limit", "--save-total-limit", "N", "Saved states that are kept",
            s => ref s.SaveLimit, v => Values.Whole(v, 1)),
        Of("resume_from_checkpoint", "--resume", null, "Go on with the run in --out that was cut off; its settings need not be given again",
            s => ref s.Resume, Values.Flag, "resume"),
    ];

    /// <summary>Every key with its aliases.</summary>
    internal static IEnumerable<string> Names => All.SelectMany(k => k.Aliases.Prepend(k.Key));

    /// <summary>A setting by any of its keys; null for none.</summary>
    public static TrainKey? Find(string name) => name == "group_by_length" // Hugging Face's name for bucketed batches
        ? Of(name, "--order", null, "", s => ref s.Order, v => Values.Flag(v) ? "bucketed" : "shuffled")
        : All.FirstOrDefault(k => k.Is(name));

    private delegate ref T Field<T>(TrainSettings settings);

    // A field of the settings, whose initial value is the default, and how a text becomes its value.
    private static TrainKey Of<T>(
        string key, string option, string? value, string help, Field<T> field, Func<string, T> read, params string[] aliases) =>
        new(
            key, option, value, help, (settings, text) => field(settings) = read(text),
            settings => JsonSerializer.SerializeToNode(field(settings)), aliases);

    private static string Text(string text) => text;
}
