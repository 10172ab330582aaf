#!/usr/bin/env bash
# The real runs of docs/benchmarks.md: recipes × seeds, each a process of its own; those in bench/results/real-runs.csv are not run again.
#   bench/real-runs.sh MODELS DATA OUT [ROWS]     folders that hold all-MiniLM-L6-v2 and the GLUE folders, and where results go;
#                                                 ROWS lists the 10,000 SST-2 rows (zero-based), otherwise the first 10,000 are taken
set -u
models=$1 data=$2 out=$3 rows=${4:-}
here=$(cd "$(dirname "$0")/.." && pwd)
peft="dotnet $here/src/PeftSharp.Cli/bin/Release/net10.0/peft.dll"
results=$here/bench/results/real-runs.csv
mkdir -p "$out"
run() { # recipe seed [options]
    local name=$1 seed=$2; shift 2
    local folder=$out/$name-$seed
    grep -q "^$name,$seed," "$results" && return
    local task; task=$(sed -n 's|^data: data/||p' "$here/recipes/${name%%+*}.yaml")
    local subset=()
    [ "$task" = SST-2 ] && { [ -n "$rows" ] && subset=(--rows "$rows") || subset=(--take 10000); }
    $peft train --recipe "$here/recipes/${name%%+*}.yaml" --base "$models/all-MiniLM-L6-v2" --data "$data/$task" "${subset[@]}" \
        --seed "$seed" --out "$folder" --overwrite --quiet "$@" || { echo "$name seed $seed failed" >&2; return; }
    value() { grep -m1 -oE "\"$1\": *\"?[^,\"]+" "$folder/run.json" | sed -E 's/.*: *"?//'; }
    echo "$name,$seed,$(value type),$(value trainable),$(value accuracy),$(value f1),$(value matthews),$(value peak_memory_bytes)" >>"$results"
}
for seed in 42 43 44; do
    for name in sst2-lora sst2-bitfit sst2-prefix sst2-prompt sst2-houlsby sst2-head; do run $name $seed; done
    run sst2-lora+no-base-dropout $seed --no-base-dropout
    run mrpc-lora $seed
    run cola-lora $seed
    [ $seed = 44 ] || run sst2-full $seed
done
