# shellcheck shell=bash
# What the scenarios share: a fresh cluster, kup with the lab's flags, assertions that count.
#
# Environment: KUP (target/release/kup), LAB, FROM, TO as for the lab, STATE (a new folder: kup's state directory),
# FRESH=no to use the cluster that is up instead of making a new one, KUP_RESULTS and KUP_COMMIT as results.sh says.
set -euo pipefail
SCENARIO=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
LAB_COMMAND=$SCENARIO/../lab
ROOT=$(readlink -f "$SCENARIO/../../..")
KUP=${KUP:-$ROOT/target/release/kup}
export LAB=${LAB:-/tmp/kup-lab} FROM=${FROM:-v1.19.16} TO=${TO:-v1.20.2}
TARGET=${TARGET:-$TO} # how kup is told: v1.20.15 may be asked for as 1.20
STATE=${STATE:-$(mktemp -d /tmp/kup-scenario.XXXXXX)} # kept, for a look at what happened
NOTES=${NOTES:-$STATE} # what the scenario itself writes
LOST=() # attempts that ended with their node, as STEP.NUMBER
START_FLAGS=() # more of them for `kup start`
N_RESUMES_MAX=5 # where nothing is killed on purpose
N_PASSED=0
N_FAILED=0
KUP_PID=
ENDED=no
TYPES_DONE='["AttemptEnded","StepCompleted","StepSkipped","StepBlocked"]'

# shellcheck source=results.sh
. "$SCENARIO/results.sh"
# shellcheck source=hooks.sh
. "$SCENARIO/hooks.sh"
# shellcheck source=upgraded.sh
. "$SCENARIO/upgraded.sh"

[ -x "$KUP" ] || { echo "no kup at $KUP: cargo build --release, or set KUP" >&2; exit 2; }
trap 'leave $?' EXIT
trap 'exit 130' INT TERM HUP

# Whatever ends a scenario, no kup of it stays behind, and an early end is not a success.
leave() { # STATUS
  [ -z "$KUP_PID" ] || kill -9 "$KUP_PID" 2>/dev/null || true
  clean_up
  echo "kup's state and output are in $STATE" >&2
  [ "$ENDED" = yes ] || echo "FAIL  the scenario ended early with status $1" >&2
}

clean_up() { :; } # a scenario that leaves something behind says here what

say() { echo "== $(date +%T) $*"; }
lab() { "$LAB_COMMAND" "$@"; }
on() { lab ssh "$@"; }
kubectl() { on cp1 kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }

control_plane_is_ready() { kubectl wait --for=condition=Ready pods -n kube-system -l tier=control-plane --timeout=5s >/dev/null 2>&1; }

wait_for() { # SECONDS COMMAND...
  local limit=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$limit" ] || return 1
    sleep 1
  done
}

fresh_cluster() { # CONTROL_PLANES WORKERS
  if [ "${FRESH:-yes}" = yes ]; then lab down; fi
  lab up "$1" "$2"
  mapfile -t NODES < <(for dir in "$LAB"/nodes/{cp,w}*/; do [ ! -d "$dir" ] || basename "$dir"; done)
}

# Assertions -----------------------------------------------------------------------------------------------------------

# Runs a command and counts whether it succeeds: check "what must be true" COMMAND...
check() {
  local claim=$1
  shift
  if "$@"; then
    N_PASSED=$((N_PASSED + 1))
    echo "ok    $claim"
  else
    N_FAILED=$((N_FAILED + 1))
    echo "FAIL  $claim"
  fi
}

is() { # ACTUAL EXPECTED
  [ "$1" = "$2" ] || { echo "      expected: $2"; echo "      actual:   $1"; return 1; }
}

is_at_least() { # ACTUAL MINIMUM
  [ "$1" -ge "$2" ] || { echo "      expected at least $2, got $1"; return 1; }
}

summary() {
  ENDED=yes
  write_results
  echo "$N_PASSED passed, $N_FAILED failed"
  [ "$N_FAILED" = 0 ] && exit 0
  exit 1
}

# kup ------------------------------------------------------------------------------------------------------------------

start_arguments() { printf '%s\n' start "$TARGET" -y; cluster_arguments; }

cluster_arguments() {
  printf '%s\n' --kubeconfig "$LAB/out/admin.conf" --ssh-user root --ssh-identity "$LAB/id" \
    --ssh-option "UserKnownHostsFile=$LAB/out/known_hosts" --ignore-preflight-errors=SystemVerification --state-dir "$STATE"
}

plan() { # [FLAG...]
  local arguments
  mapfile -t arguments < <(cluster_arguments)
  "$KUP" plan "$TARGET" "${arguments[@]}" "$@" </dev/null
}

# Starts the run, or resumes it if there is one, in the background; KUP_PID is its process.
launch() { # [FLAG_FOR_RESUME...]
  local arguments
  mapfile -t arguments < <(launch_arguments "$@")
  "$KUP" "${arguments[@]}" >>"$NOTES/kup.out" 2>&1 </dev/null &
  KUP_PID=$!
}

launch_arguments() { # [FLAG_FOR_RESUME...]
  if [ -n "$(run_id)" ]; then
    printf '%s\n' resume @last --state-dir "$STATE" -y --reason 'the scenario goes on' "$@"
  else
    start_arguments
    [ ${#START_FLAGS[@]} = 0 ] || printf '%s\n' "${START_FLAGS[@]}"
  fi
}

# Waits for the launched kup; EXIT_STATUS is how it ended.
await_kup() {
  EXIT_STATUS=0
  wait "$KUP_PID" || EXIT_STATUS=$?
  KUP_PID=
}

kup_runs() { [ -n "$KUP_PID" ] && kill -0 "$KUP_PID" 2>/dev/null; }

run_id() { for dir in "$STATE"/runs/*/; do [ ! -e "$dir/journal" ] || basename "$dir"; done; }

events() { "$KUP" history @last -o json --state-dir "$STATE" 2>/dev/null || true; }

# Kills kup with SIGKILL, as a scenario does on purpose.
kill_kup() {
  kill -9 "$KUP_PID" 2>/dev/null || true
  await_kup
}

# Launches again as long as the run only rests (3) or a step failed and may be tried again (5); then that is asked for.
finish() {
  local try flags
  for try in $(seq "$N_RESUMES_MAX"); do
    mapfile -t flags < <(blocked_steps | sed 's/^/--retry=/')
    launch ${flags[@]+"${flags[@]}"}
    await_kup
    echo "   kup ended with $EXIT_STATUS"
    case $EXIT_STATUS in 3 | 5) ;; *) break ;; esac
  done
  [ "$EXIT_STATUS" = 0 ] || { echo "   after $try launches, the end of $NOTES/kup.out:"; tail -n 20 "$NOTES/kup.out"; }
}

# Prints the steps about which an operator must decide.
blocked_steps() {
  events | jq -rs '[.[] | select(.type == "StepBlocked" or .type == "OperatorDecided")] | group_by(.step) | map(last | select(.type == "StepBlocked") | .step) | .[]'
}

# Says whether the journal has a started attempt of the step without its end.
is_open() { # STEP
  events | jq -es --arg step "$1" --argjson done "$TYPES_DONE" \
    'map(select(.step == $step and (.type == "AttemptStarted" or (.type as $t | $done | index($t))))) | last | .type == "AttemptStarted"' >/dev/null
}

is_completed() { # STEP
  events | jq -es --arg step "$1" 'any(.[]; .step == $step and .type == "StepCompleted")' >/dev/null
}

# Evictions and cordons go through the API server and leave no trace on the node.
is_under_way() { # STEP
  case $1 in
    drain.* | cordon.* | uncordon.*) is_open "$1" ;;
    *) runs_on_node "$1" ;;
  esac
}

# Waits for that; fails when kup ended by itself before.
await_step() { # STEP
  until is_under_way "$1"; do
    kup_runs || return 1
    sleep .05
  done
}

n_adopted() { events | jq -s 'map(select(.type == "AttemptEnded" and .adopted)) | length'; }

# What the nodes know of the run ---------------------------------------------------------------------------------------

# The node's files seen from outside, which needs no SSH and is quick enough to catch a command while it runs.
attempt_files() { # NODE PATTERN
  find "$LAB/nodes/$1/root/var/lib/kup/attempts" -name "$2" 2>/dev/null | sort
}

runs_on_node() { # STEP, which ends in the node's name
  local intent
  while read -r intent; do
    [ -e "${intent%.intent}.exit" ] || return 0
  done < <(attempt_files "${1##*.}" "$1.*.intent")
  return 1
}

n_attempts() { attempt_files "${1##*.}" "$1.*.intent" | wc -l; } # STEP

# But for the attempts in LOST, which ended with their node.
every_intent_has_one_exit() { # NODE
  is "$(attempt_names "$1" exit)" "$(attempt_names "$1" intent | grep -vxFf <(printf '%s\n' - "${LOST[@]}"))"
}

attempt_names() { # NODE SUFFIX
  attempt_files "$1" "*.$2" | sed "s/\\.$2\$//; s/.*\\///"
}

configured_once() { # NODE PACKAGE
  is "$(lab ssh "$1" "grep -c ' configure $2:amd64 ${TO#v}-' /var/log/dpkg.log || true")" 1
}
