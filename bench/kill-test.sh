#!/usr/bin/env bash
# Kills a short run with SIGKILL at random moments, takes it up again each time, and compares the adapter with that of an unbroken run.
# Then kills merge, quantize, extract and pull as often each: the old folder or the new one has to be there, whole.
#   bench/kill-test.sh [KILLS]     50 unless told otherwise; needs the tests built: dotnet build -c Release test/PeftSharp.Tests
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
PEFTSHARP_KILLS=${1:-50} GOMP_SPINCOUNT=0 dotnet "$here/test/PeftSharp.Tests/bin/Release/net10.0/PeftSharp.Tests.dll" \
    -class PeftSharp.Tests.Cli.KillTests -class PeftSharp.Tests.Cli.MergeKillTests -showLiveOutput
