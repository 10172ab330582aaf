#!/usr/bin/env bash
# The tables of docs/joint.md: SST-2, MRPC and CoLA learnt together and one by one with the same rows, then the single adapters served
# from one process.
#   bench/tasks.sh MODELS DATA OUT [OPTIONS]    folders that hold all-MiniLM-L6-v2 and the GLUE folders, and where results go;
#                                               options go to every training run (--seed 7, --take 500)
set -eu
models=$1 data=$2 out=$3
shift 3
here=$(cd "$(dirname "$0")/.." && pwd)
base=$models/all-MiniLM-L6-v2
peft="dotnet $here/src/PeftSharp.Cli/bin/Release/net10.0/peft.dll"
declare -A sets=([sst2]=SST-2 [mrpc]=MRPC [cola]=CoLA)
mkdir -p "$out"
train() { # folder tasks [options]
    local folder=$1 tasks=$2
    shift 2
    [ -e "$folder/run.json" ] && return
    $peft train --recipe "$here/recipes/tasks-joint.yaml" --base "$base" --tasks "$tasks" --out "$folder" --overwrite --quiet "$@" >/dev/null
}
value() { grep -m1 -oE "\"$2\": *[-0-9.e]+" "$1" | sed -E 's/.*: *//'; }
bytes() { find "$1" -name '*.safetensors' -printf '%s\n' | awk '{ sum += $1 } END { print sum }'; }
for task in sst2 mrpc cola; do train "$out/$task" "$task=$data/${sets[$task]}" "$@"; done
train "$out/joint" "sst2=$data/SST-2,mrpc=$data/MRPC,cola=$data/CoLA" "$@"
echo "adapter,rows,accuracy,f1,matthews,trained,bytes"
for folder in "$out"/{sst2/sst2,mrpc/mrpc,cola/cola,joint/sst2,joint/mrpc,joint/cola}; do
    task=$(basename "$folder")
    $peft eval --base "$base" --adapter "$folder" --data "$data/${sets[$task]}" --json >"$folder.json"
    run=$(dirname "$folder")/run.json
    echo "${folder#"$out"/},$(value "$folder.json" examples),$(value "$folder.json" accuracy),$(value "$folder.json" f1),$(
        value "$folder.json" matthews),$(value "$run" trainable),$(bytes "$folder")"
done
for compute in fp32 bf16; do
    dotnet "$here/bench/PeftSharp.Benchmarks/bin/Release/net10.0/PeftSharp.Benchmarks.dll" shelf "$base" $compute \
        "sst2=$out/sst2/sst2=$data/SST-2" "mrpc=$out/mrpc/mrpc=$data/MRPC" "cola=$out/cola/cola=$data/CoLA"
done
