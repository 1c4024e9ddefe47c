# read-files: prints a tar (uncompressed, absolute names without the leading slash, owner and mode kept) of the files and folders given, to
# stdout. Missing ones are left out. Changes nothing. Args: absolute paths
