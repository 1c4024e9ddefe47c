# downgrade: installs exactly the packages given, also when they are older, and sets the holds.
# Args: $1 hold:a,b (may be `hold:`), further: name=version...
case ${1-} in
    hold:*) holds=$(printf '%s' "${1#hold:}" | tr ',' ' ') ;;
    *) echo 'kup: the first argument must be hold:NAME,NAME' >&2; exit 64 ;;
esac
shift
check_words "$@"
exact_transaction "$@"
hold_exactly "$holds" "$@"
for name in $holds; do
    is_held "$name" || { echo "kup: $name is not held as it was" >&2; exit 70; }
done
