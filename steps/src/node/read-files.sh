# read-files: prints a tar of the files and folders given to stdout. Changes nothing. Args: absolute paths
as_tar "$@"
