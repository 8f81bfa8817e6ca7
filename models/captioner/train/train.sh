#!/bin/sh
# train.sh DATA OUT [options of train.py]: two ranks with one thread each, which stand other load far better
# than one process with two threads. The malloc thresholds keep glibc from returning every activation to the
# kernel; each rank then holds 2 to 4 GB.
set -e
data=$1 out=$2
shift 2
export MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=67108864
export OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false
cd "$(dirname "$0")"
${PYTHON:-python} train.py --data "$data" --out "$out" --ranks 2 --rank 1 "$@" &
other=$!
trap 'kill $other 2>/dev/null || true' EXIT
${PYTHON:-python} train.py --data "$data" --out "$out" --ranks 2 --rank 0 "$@"
wait $other
trap - EXIT
