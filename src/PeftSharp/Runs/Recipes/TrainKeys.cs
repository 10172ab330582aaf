using PeftSharp.Data;
using PeftSharp.Runs.Rows;
using PeftSharp.Runs.Training;
using PeftSharp.Training.Optimizers;

namespace PeftSharp.Runs.Recipes;

/// <summary>Every setting of a run, once: the options, the recipe's keys and their help come from here.</summary>
internal static class TrainKeys
{
    public static readonly TrainKey[] All =
    [
        new("base_model", "--base", "FOLDER", "The base model: a Hugging Face folder, or owner/name of the hub", (s, v) => s.Base = v, "model_name_or_path", "base_model_name_or_path", "base"),
        new("adapter", "--adapter", "FOLDER", "Go on with this adapter on new rows: its method, settings, labels (new ones extend its head) and base", (s, v) => s.Adapter = v, "adapter_name_or_path"),
        new("model_revision", "--revision", "NAME", "Branch, tag or commit of a base model of the hub. Default: main", (s, v) => s.Revision = v, "revision"),
        new("method", "--method", "NAME", "A method, an alias or a preset; \"peft methods\" lists them", (s, v) => (s.Method, s.MethodOptions) = (v, null), "peft_method", "peft_type"),
        new("data", "--data", "PATH", "Training rows: a .tsv, .csv, .jsonl (or .gz of these) or .parquet file, a pattern (\"part-*.parquet\"), or a folder with its parts", (s, v) => s.Data = v, "train_file", "dataset"),
        new("eval_data", "--eval-data", "PATH", "Rows to score on. Default: the validation part of a folder, or of --split-shares", (s, v) => s.EvalData = v, "validation_file"),
        new("text_column", "--text-column", "COLUMN", "Column of the text: a name, or a number from 1", (s, v) => s.Text = v, "text", "text_column_name"),
        new("pair_column", "--pair-column", "COLUMN", "Column of the second text", (s, v) => s.Pair = v, "pair", "text_pair"),
        new("label_column", "--label-column", "COLUMN", "Column of the label", (s, v) => s.Label = v, "label", "label_column_name"),
        new("problem_type", "--problem", "KIND", "classification, regression, or generation (or causal-lm: prompts with answers; alpaca, chats, ShareGPT, prompt and completion, texts). Default: told from labels and columns", (s, v) => s.Problem = Values.Problem(v)),
        new("packing", "--packing", null, "Of generation: put several sequences into each row of --max-length tokens; they do not see each other", (s, v) => s.Packing = Values.Flag(v)),
        new("max_train_samples", "--take", "N", "Train on the first N rows", (s, v) => s.Take = Values.Whole(v, 1), "take"),
        new("stratified", "--stratified", null, "With --take: draw the rows so that labels keep their shares", (s, v) => s.SampleStratified = Values.Flag(v)),
        new("split_shares", "--split-shares", "A,B,C", "Cut the rows into training, validation and test parts of these shares (two numbers: no test part)", (s, v) => s.SplitShares = Values.Shares(v)),
        new("split_seed", "--split-seed", "N", "Seed of --split-shares and --stratified, apart from the run's. Default: 42", (s, v) => s.SplitSeed = Values.Seed(v)),
        new("split_stratified", "--no-stratify", null, "Cut without regard to labels", (s, v) => s.SplitStratified = Values.Flag(v)) { Switch = "false" },
        new("data_memory", "--data-memory", "MB", "Memory for rows, and as much for tokens; more of them are kept in files. Default: 256", (s, v) => s.DataMemory = Values.Whole(v, 1)),
        new("cache_dir", "--cache", "FOLDER", "Where those files, and a cached trunk, are kept while the run lasts. Default: the user's folder for caches", (s, v) => s.Cache = v),
        new("max_eval_samples", "--take-eval", "N", "Score on the first N rows", (s, v) => s.TakeEval = Values.Whole(v, 1)),
        new("rows", "--rows", "FILE", "Train on the rows that FILE lists: one zero-based number a line", (s, v) => s.Rows = v),
        new("skip_bad_rows", "--skip-bad-rows", null, "Leave bad rows out instead of stopping at the first", (s, v) => s.SkipBadRows = Values.Flag(v)),
        new("allow_blank", "--allow-blank", null, FileLayout.AllowBlankHelp, (s, v) => s.AllowBlank = Values.Flag(v)),
        new("header", "--header", "yes|no", FileLayout.HeaderHelp, (s, v) => s.Header = Values.Flag(v)),
        new("separator", "--separator", "CHAR", FileLayout.SeparatorHelp, (s, v) => s.Separator = FileLayout.SeparatorOf(v), "delimiter", "sep"),
        new("quoted", "--quoted", "yes|no", FileLayout.QuotedHelp, (s, v) => s.Quoted = Values.Flag(v)),
        new("no_label", "--no-label", "LABEL,LABEL", FileLayout.NoLabelHelp, (s, v) => s.NoLabel = FileLayout.LabelsOf(v)),
        new("max_length", "--max-length", "N", "Most tokens a row. Default: 128", (s, v) => s.MaxLength = Values.Whole(v, 3), "max_seq_length"),
        new("num_train_epochs", "--epochs", "N", "Passes over the rows; fractions are allowed. Default: 3", (s, v) => s.Epochs = Values.Number(v, 0, open: true)),
        new("max_steps", "--max-steps", "N", "Optimizer steps, instead of epochs", (s, v) => s.MaxSteps = Values.Whole(v, 1)),
        new("per_device_train_batch_size", "--batch-size", "N", "Rows a batch. Default: 16", (s, v) => s.BatchSize = Values.Whole(v, 1), "train_batch_size", "batch_size"),
        new("gradient_accumulation_steps", "--accumulate", "N", "Batches an optimizer step. Default: 1", (s, v) => s.Accumulate = Values.Whole(v, 1)),
        new("max_tokens_per_pass", "--tokens-per-pass", "N", $"Larger batches go through in parts, with the same gradient and less memory; 0 for no limit. Default: {TokenBatch.TokensPerPass}", (s, v) => s.TokensPerPass = Values.Whole(v, 0)),
        new("learning_rate", "--lr", "RATE", "Peak learning rate. Default: 5e-4, or 2e-5 where the whole model is trained", (s, v) => s.LearningRate = Values.Number(v, 0, open: true)),
        new("lr_scheduler_type", "--schedule", "NAME", "linear, cosine, cosine_with_restarts, polynomial, constant, constant_with_warmup or inverse_sqrt. Default: linear", (s, v) => s.Schedule = Values.OneOf(v, "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt")),
        new("warmup_ratio", "--warmup-ratio", "SHARE", "Share of the steps over which the rate rises. Default: 0.06", (s, v) => s.WarmupRatio = Values.Number(v, 0, 1)),
        new("warmup_steps", "--warmup-steps", "N", "Steps over which the rate rises, instead of a share", (s, v) => s.WarmupSteps = Values.Whole(v, 0)),
        new("weight_decay", "--weight-decay", "RATE", "Decay of trained weights, biases and norms left out. Default: 0.01", (s, v) => s.WeightDecay = Values.Number(v, 0)),
        new("adam_beta1", "--adam-beta1", "B", "AdamW's first factor. Default: 0.9", (s, v) => s.Beta1 = Values.Number(v, 0, 1)),
        new("adam_beta2", "--adam-beta2", "B", "AdamW's second factor. Default: 0.999", (s, v) => s.Beta2 = Values.Number(v, 0, 1)),
        new("adam_epsilon", "--adam-epsilon", "E", "AdamW's epsilon. Default: 1e-8", (s, v) => s.Epsilon = Values.Number(v, 0, open: true)),
        new("optim", "--optim", "NAME", "adamw_torch, adamw_8bit, paged_adamw, paged_adamw_8bit (state in a file) or sgd. Default: adamw_torch",
            (s, v) => s.Optimizer = Values.OneOf(v, [.. OptimizerKind.Names])),
        new("max_grad_norm", "--max-grad-norm", "N", "Gradients are clipped to this norm; 0 for never. Default: 1", (s, v) => s.MaxGradNorm = Values.Number(v, 0)),
        new("seed", "--seed", "N", "Seed of everything random. Default: 42", (s, v) => s.Seed = Values.Seed(v)),
        new("eval_steps", "--eval-steps", "N", "Score every N steps. Default: after each epoch", (s, v) => s.EvalSteps = Values.Whole(v, 1)),
        new("early_stopping_patience", "--early-stopping", "N", "Stop after N scorings without progress, and keep the best", (s, v) => s.EarlyStopping = Values.Whole(v, 1), "early_stopping"),
        new("load_best_model_at_end", "--load-best", null, "Keep the weights of the best scoring", (s, v) => s.LoadBest = Values.Flag(v)),
        new("metric_for_best_model", "--metric", "NAME", "The metric that selects the best model", (s, v) => s.Metric = v, "metric"),
        new("quantization", "--quantize", "TYPE", "Keep the frozen weights in 4 bits: nf4", (s, v) => s.Quantize = Values.OneOf(v, "nf4"), "quantize", "bnb_4bit_quant_type"),
        new("bnb_4bit_use_double_quant", "--double-quant", null, "Quantise the scales too", (s, v) => s.DoubleQuant = Values.Flag(v), "double_quant"),
        new("bnb_4bit_blocksize", "--block-size", "N", "Weights that share a scale: 64 or 128. Default: 64", (s, v) => s.BlockSize = int.Parse(Values.OneOf(v, "64", "128"), System.Globalization.CultureInfo.InvariantCulture), "quantization_block_size"),
        new("compute", "--compute", "MODE", "Precision of frozen weights: auto (what is faster here), fp32 or bf16. Default: auto", (s, v) => s.Compute = Values.OneOf(v, ComputeModes.Modes)),
        new("device", "--device", "NAME", "Where to train: cpu, cuda, cuda:N or mps; GPUs are untested. Default: cpu", (s, v) => s.Device = v),
        new("pooling", "--pooling", "NAME", "How a text becomes one vector: pooler (as Hugging Face), cls or mean. Default: pooler", (s, v) => s.Pooling = Values.OneOf(v, "pooler", "cls", "mean")),
        new("base_dropout", "--no-base-dropout", null, "Switch the frozen base's own dropout off", (s, v) => s.BaseDropout = Values.Flag(v)) { Switch = "false" },
        new("cache_trunk", "--cache-trunk", null, "Compute what lies below the adapter once, keep it on disk (in the --cache folder) and reuse it in every epoch; its own dropout is off", (s, v) => s.CacheTrunk = Values.Flag(v)),
        new("gradient_checkpointing", "--checkpointing", null, "Recompute activations in the backward pass: less memory, more time", (s, v) => s.Checkpointing = Values.Flag(v)),
        new("batch_order", "--order", "NAME", "bucketed (rows of like length together) or shuffled. Default: bucketed", (s, v) => s.Order = Values.OneOf(v, "bucketed", "shuffled"), "order"),
        new("output_dir", "--out", "FOLDER", "Where to write the adapter", (s, v) => s.Out = v, "out"),
        new("format", "--format", "NAME", "Layout of the adapter: peft or adapterhub. Default: the method's", (s, v) => s.Format = Values.OneOf(v, "peft", "adapterhub"), "adapter_format"),
        new("dry_run", "--dry-run", null, "Try some of the steps, and tell what the whole run would count, need and write; write nothing", (s, v) => s.DryRun = Values.Flag(v)),
        new("overwrite_output_dir", "--overwrite", null, "Replace what an earlier run wrote there", (s, v) => s.Overwrite = Values.Flag(v), "overwrite"),
        new("save_steps", "--save-steps", "N", "Save the state of the run every N steps. Default: every ten minutes", (s, v) => s.SaveSteps = Values.Whole(v, 1)),
        new("save_strategy", "--save-strategy", "NAME", "When to save it: auto (every ten minutes, at ends of epochs), steps, epoch or no. Default: auto, or steps with --save-steps", (s, v) => s.SaveStrategy = Values.OneOf(v, "auto", "steps", "epoch", "no")),
        new("save_total_limit", "--save-total-limit", "N", "Saved states that are kept. Default: 2", (s, v) => s.SaveLimit = Values.Whole(v, 1)),
        new("resume_from_checkpoint", "--resume", null, "Go on with the run in --out that was cut off; its settings need not be given again", (s, v) => s.Resume = Values.Flag(v), "resume"),
    ];

    public static IEnumerable<string> Names => All.SelectMany(k => k.Aliases.Prepend(k.Key));

    // group_by_length is Hugging Face's name for bucketed batches.
    public static TrainKey? Find(string name) => name == "group_by_length"
        ? new(name, "--order", null, "", (s, v) => s.Order = Values.Flag(v) ? "bucketed" : "shuffled")
        : All.FirstOrDefault(k => k.Is(name));
}
