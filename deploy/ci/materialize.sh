#!/usr/bin/env bash
# A pipeline's use of the Dagster CLI: validate the code location, put a file on the queue, materialise the running hour or day, verify.
set -euo pipefail
: "${HARTONOMOUS_HOME:?set it to a folder of its own}"
export DAGSTER_HOME="$HARTONOMOUS_HOME/dagster"
export HARTONOMOUS_LINGER_SECONDS=0 # a pipeline waits for nobody
hartonomous migrate

dagster definitions validate -m hartonomous_assets.definitions

sample="$HARTONOMOUS_HOME/sample.txt"
printf 'Tides follow the moon. The moon follows the earth.\n' >"$sample"
hartonomous ingest --no-wait "$sample"

partition=%Y-%m-%d-%H:00
if [ "${HARTONOMOUS_PARTITION:-auto}" = day ]; then partition=%Y-%m-%d-00:00; fi
for attempt in 1 2; do # twice at the most: between asking for the hour and the run, the hour may turn
  dagster asset materialize -m hartonomous_assets.definitions --select '*' --partition "$(date -u +"$partition")"
  if hartonomous search 'what makes the sea rise' -k 1 --json | grep -q 'Tides follow the moon'; then break; fi
  [ "$attempt" = 1 ]
done
hartonomous verify
