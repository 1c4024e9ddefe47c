# restore-files: puts files of a pre-image back, each by dotfile, sync, rename, sync of its folder; files below a path given that are not in
# the pre-image are removed. Folders given as `DIR/` are compared file by file. Args: $1 pre-image (tar), further: absolute paths
