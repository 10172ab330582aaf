"""The Python side of bench/side-by-side.sh: one training run, told as one line.

    side.py lora|lora-defaults|houlsby|causal MODEL DATA ROWS

prints "side,trained_per_second,scored_per_second,peak_mb". Rows are those of SST-2's train.tsv in their order, scored on dev.tsv;
for "causal" the first rows of a JSON file in alpaca's form. "lora" is the libraries' best setting here (rows of one length
together, padded to the longest of a batch), "lora-defaults" leaves the order as the trainer's defaults have it.
"""
import csv
import json
import resource
import sys
import tempfile
import time


def need(*names):
    import importlib.util

    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"python has no {', '.join(missing)}")


def sst2(folder, part, limit=None):
    with open(f"{folder}/{part}.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return rows[:limit]


def arguments(batch, grouped):
    import inspect

    from transformers import TrainingArguments

    given = dict(
        output_dir=tempfile.mkdtemp(), num_train_epochs=1, per_device_train_batch_size=batch, per_device_eval_batch_size=64,
        learning_rate=5e-4, warmup_ratio=0.06, weight_decay=0.01, seed=42, save_strategy="no", report_to=[], disable_tqdm=True,
        logging_strategy="no",
    )
    known = inspect.signature(TrainingArguments.__init__).parameters
    # Names changed between versions.
    given["use_cpu" if "use_cpu" in known else "no_cuda"] = True
    if grouped:
        if "group_by_length" in known:
            given["group_by_length"] = True
        else:
            given["train_sampling_strategy"] = "group_by_length"
    return TrainingArguments(**{name: value for name, value in given.items() if name in known})


def classify(kind, folder, data, count):
    need("torch", "transformers", "adapters" if kind == "houlsby" else "peft")
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer

    tokenizer = AutoTokenizer.from_pretrained(folder)

    def encode(rows):
        return [
            {**tokenizer(row["sentence"], truncation=True, max_length=128), "labels": int(row["label"])} for row in rows
        ]

    train, dev = encode(sst2(data, "train", count)), encode(sst2(data, "dev"))
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)
    trainer_type = Trainer
    if kind == "houlsby":
        import adapters

        adapters.init(model)
        model.add_adapter("a", config="double_seq_bn")
        model.train_adapter("a")
        trainer_type = adapters.AdapterTrainer
        side = f"adapters {adapters.__version__}"
    else:
        import peft

        config = peft.LoraConfig(
            task_type="SEQ_CLS", r=8, lora_alpha=16, lora_dropout=0.1, target_modules=["query", "value"]
        )
        model = peft.get_peft_model(model, config)
        side = f"peft {peft.__version__}" + (" (defaults)" if kind == "lora-defaults" else "")
    trainer = trainer_type(
        model=model, args=arguments(32, kind != "lora-defaults"), train_dataset=train, eval_dataset=dev,
        data_collator=DataCollatorWithPadding(tokenizer),
    )
    started = time.perf_counter()
    trainer.train()
    trained = len(train) / (time.perf_counter() - started)
    started = time.perf_counter()
    trainer.evaluate()
    return side, trained, len(dev) / (time.perf_counter() - started)


def causal(folder, data, count):
    need("torch", "transformers", "peft")
    import peft
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorForSeq2Seq, Trainer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    rows = []
    with open(data, encoding="utf-8") as file:
        for row in json.load(file)[:count]:
            asked = row["instruction"] + ("\n" + row["input"] if row.get("input") else "")
            turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": row["output"]}]
            start = tokenizer(tokenizer.apply_chat_template(turns[:1], tokenize=False, add_generation_prompt=True))["input_ids"]
            ids = tokenizer(tokenizer.apply_chat_template(turns, tokenize=False))["input_ids"][:256]
            labels = [-100] * min(len(start), len(ids)) + ids[len(start):]
            rows.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels})
    model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules="all-linear")
    trainer = Trainer(
        model=peft.get_peft_model(model, config), args=arguments(4, True), train_dataset=rows,
        data_collator=DataCollatorForSeq2Seq(tokenizer),
    )
    started = time.perf_counter()
    trainer.train()
    return f"peft {peft.__version__}", sum(len(row["input_ids"]) for row in rows) / (time.perf_counter() - started), None


def main():
    kind, folder, data, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    side, trained, scored = causal(folder, data, count) if kind == "causal" else classify(kind, folder, data, count)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"{side},{trained:.1f},{'' if scored is None else f'{scored:.1f}'},{peak:.0f}")


if __name__ == "__main__":
    main()
