#!/usr/bin/env bash
# One table of this program beside the Python libraries, each a process of its own, one after the other, on the same rows:
#   bench/side-by-side.sh MODELS DATA OUT [ROWS] [ROUNDS] [INSTRUCTIONS]
# MODELS holds all-MiniLM-L6-v2 and SmolLM2-135M-Instruct, DATA holds SST-2 and alpaca_en_demo.json (or instruct/alpaca_en_demo.json).
# LoRA and Houlsby's adapters on ROWS rows of SST-2 (10,000), one epoch in batches of 32; LoRA on SmolLM2 and INSTRUCTIONS (300) rows,
# batches of 4. The Python side runs where python3 (or $PYTHON) has torch, transformers, peft and, for Houlsby, adapters; where not, a
# sentence says so. Figures of rounds (1) are medians. Close other programs first: nothing here can tell a busy machine from a slow library.
set -eu
models=$1 data=$2 out=$3 rows=${4:-10000} rounds=${5:-1} instructions=${6:-300}
here=$(cd "$(dirname "$0")/.." && pwd)
peft="dotnet $here/src/PeftSharp.Cli/bin/Release/net10.0/peft.dll"
python=${PYTHON:-python3}
mini=$models/all-MiniLM-L6-v2 smol=$models/SmolLM2-135M-Instruct
alpaca=$data/alpaca_en_demo.json
[ -e "$alpaca" ] || alpaca=$data/instruct/alpaca_en_demo.json
mkdir -p "$out"
figures=$out/figures.csv
echo "what,side,trained_per_second,scored_per_second,peak_mb,command_seconds" >"$figures"

value() { grep -oE "\"$2\": *[-0-9.eE+]+" "$1" | sed -E 's/.*: *//' | sed -n "${3:-1}p"; }

# What it is, the command's options; run.json tells the rest.
ours() { # what unit options
    local what=$1 unit=$2 folder started ended run
    shift 2
    folder=$out/$what started=$(date +%s.%N)
    $peft train "$@" --out "$folder" --overwrite --quiet >/dev/null || { echo "$what: peft train failed." >&2; return; }
    ended=$(date +%s.%N) run=$folder/run.json
    # The first "samples_per_second" is that of training, the second that of scoring.
    local trained scored
    trained=$(value "$run" samples_per_second 1) scored=$(value "$run" samples_per_second 2)
    if [ "$unit" = tokens ]; then
        trained=$(awk -v t="$(value "$run" tokens 1)" -v s="$(value "$run" step_seconds)" 'BEGIN { print t / s }') scored=
    fi
    awk -v w="$what" -v t="$trained" -v s="$scored" -v p="$(value "$run" peak_memory_bytes)" -v from="$started" -v to="$ended" \
        'BEGIN { printf "%s,PeftSharp,%.1f,%s,%.0f,%.1f\n", w, t, s == "" ? "" : sprintf("%.1f", s), p / 1e6, to - from }' >>"$figures"
}

theirs() { # what kind model data rows
    local what=$1 kind=$2 model=$3 rows_of=$4 count=$5 started ended line
    started=$(date +%s.%N)
    if ! line=$("$python" "$here/bench/python/side.py" "$kind" "$model" "$rows_of" "$count" 2>"$out/$kind.log"); then
        echo "$what, Python: left out: $(tail -n 1 "$out/$kind.log")" >&2
        return
    fi
    ended=$(date +%s.%N)
    echo "$what,$line,$(echo "$ended $started" | awk '{ printf "%.1f", $1 - $2 }')" >>"$figures"
}

for _ in $(seq "$rounds"); do
    for method in lora houlsby; do
        ours "$method" rows --recipe "$here/recipes/sst2-$method.yaml" --base "$mini" --data "$data/SST-2" --take "$rows" --epochs 1
    done
    ours smollm2-lora tokens --base "$smol" --method lora --set target_modules=all-linear r=16 lora_alpha=32 --data "$alpaca" \
        --take "$instructions" --max-length 256 --batch-size 4 --epochs 1 --lr 2e-4
    if command -v "$python" >/dev/null; then
        theirs lora lora "$mini" "$data/SST-2" "$rows"
        theirs lora lora-defaults "$mini" "$data/SST-2" "$rows"
        theirs houlsby houlsby "$mini" "$data/SST-2" "$rows"
        theirs smollm2-lora causal "$smol" "$alpaca" "$instructions"
    else
        echo "Python: left out: there is no $python here." >&2
    fi
done

# Medians of the rounds, and ours as a multiple of each of the others.
awk -F, '
    function median(key, column, list, n, i, j, t) {
        n = split(values[key, column], list, " ")
        for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (list[j] + 0 < list[i] + 0) { t = list[i]; list[i] = list[j]; list[j] = t }
        return n == 0 ? "" : list[int((n + 1) / 2)]
    }
    NR > 1 {
        key = $1 "," $2
        if (!(key in seen)) { seen[key] = 1; order[++count] = key }
        for (c = 3; c <= 6; c++) if ($c != "") values[key, c] = values[key, c] " " $c
    }
    END {
        printf "%-14s %-28s %12s %12s %9s %9s %6s\n", "what", "side", "trained/s", "scored/s", "peak MB", "command s", "ratio"
        for (k = 1; k <= count; k++) {
            split(order[k], name, ",")
            own = median(name[1] ",PeftSharp", 3); speed = median(order[k], 3)
            printf "%-14s %-28s %12s %12s %9s %9s %6s\n", name[1], name[2],
                speed, median(order[k], 4), median(order[k], 5), median(order[k], 6),
                name[2] == "PeftSharp" || own == "" || speed == "" ? "" : sprintf("%.2f", own / speed)
        }
    }' "$figures"
