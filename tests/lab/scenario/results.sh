# shellcheck shell=bash
# What a scenario tried and how it ended, counted, and kept as $KUP_RESULTS/lab-NAME.tsv when KUP_RESULTS names a folder. The format
# is that of tests/src/results.rs; KUP_COMMIT is the commit of the kup that was tried.

RESULTS_NAME=
RESULTS_TITLE=
RESULTS_COMMAND="tests/lab/scenario/$(basename "$0")${*:+ $*}"
CASES=() # one `fault<TAB>place<TAB>end` each

# Says which scenario this is: results_of NAME "TITLE"
results_of() {
  RESULTS_NAME=$1
  RESULTS_TITLE=$2
}

# Counts one case. How it ended is told at the end, when it is known whether the cluster is as it should be.
tried() { # FAULT PLACE END
  CASES+=("$1"$'\t'"$2"$'\t'"$3")
}

write_results() {
  [ -n "${KUP_RESULTS:-}" ] && [ -n "$RESULTS_NAME" ] || return 0
  mkdir -p "$KUP_RESULTS"
  {
    printf '# title: %s\n' "$RESULTS_TITLE"
    printf '# command: %s\n' "$RESULTS_COMMAND"
    printf '# commit: %s\n# seconds: %s\n' "${KUP_COMMIT:-unknown}" "$SECONDS"
    result_rows
  } >"$KUP_RESULTS/lab-$RESULTS_NAME.tsv"
}

# What went wrong in a run went wrong for each of its cases: nothing else would be honest.
result_rows() {
  local worse=''
  [ "$N_FAILED" = 0 ] || worse="; BUT $N_FAILED of $((N_PASSED + N_FAILED)) checks failed at the end"
  printf '%s\n' "${CASES[@]}" | sort | uniq -c |
    sed -E 's/^ *([0-9]+) ([^\t]*)\t([^\t]*)\t(.*)/\2\t\3\t\1\t\4/' | sed "s/\$/$worse/"
}
