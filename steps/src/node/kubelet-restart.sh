# kubelet-restart: systemctl daemon-reload and restart of the kubelet; ends when the unit is active again. No args.
