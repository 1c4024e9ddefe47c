# Key pairs: which there are, and whether certificate and key belong together. A part of scripts, see script.rs.
embedded() { sed -n "s/^ *$2: *//p" "$1" | head -n 1 | tr -d '"' | base64 -d 2>/dev/null; }

public_of_certificate() {
    case $1 in
        *.conf) embedded "$1" client-certificate-data | openssl x509 -noout -pubkey 2>/dev/null ;;
        *) openssl x509 -noout -pubkey -in "$1.crt" 2>/dev/null ;;
    esac
}

public_of_key() {
    case $1 in
        *.conf) embedded "$1" client-key-data | openssl pkey -pubout 2>/dev/null ;;
        *) openssl pkey -pubout -in "$1.key" 2>/dev/null ;;
    esac
}

# Prints ok, mismatch or unknown for a kubeconfig, or for a path to which .crt and .key belong.
pair_state() {
    command -v openssl >/dev/null 2>&1 || { echo unknown; return 0; }
    certificate=$(public_of_certificate "$1") || certificate=
    key=$(public_of_key "$1") || key=
    if [ -z "$certificate" ] || [ -z "$key" ]; then
        echo unknown
    elif [ "$certificate" = "$key" ]; then
        echo ok
    else
        echo mismatch
    fi
}

# Prints the pairs below a folder that is /etc/kubernetes or a copy of it.
pairs() {
    find "$1/pki" -type f -name '*.crt' 2>/dev/null | sort | while IFS= read -r certificate_file; do
        if [ -e "${certificate_file%.crt}.key" ]; then printf '%s\n' "${certificate_file%.crt}"; fi
    done
    for kubeconfig in "$1"/*.conf; do
        if grep -q '^ *client-key-data:' "$kubeconfig" 2>/dev/null; then printf '%s\n' "$kubeconfig"; fi
    done
}
