# kubelet: the kubelet's program, process and files. Changes nothing.
# Prints one `key=value` a line:
#   program=v1.20.2              (kubelet --version)
#   active=active|inactive|failed|activating|...
#   pid=<MainPID, 0 without>
#   process=current|replaced|none   (replaced: /proc/PID/exe is deleted, the process is older than the program)
#   invocation=<InvocationID of the unit, changes with every start>
#   needs_reload=yes|no          (NeedDaemonReload)
#   config=<sha256 of /var/lib/kubelet/config.yaml>
#   flags=<sha256 of /var/lib/kubelet/kubeadm-flags.env>
#   last_log=<last line of its journal, at most 300 bytes>
