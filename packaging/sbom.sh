#!/bin/sh
# Prints what the library is made of, as a CycloneDX document: the crates that are linked into it, and what is in those. The same build
# gives the same text.
#   sbom.sh ARCHIVE [CARGO_OPTION...]        what cargo built with which options: features and targets count
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cargo=${CARGO:-cargo}
archive=$1
shift

# Of the options for a build, those that choose crates.
first=yes
for option; do
    [ "$first" = no ] || set --
    first=no
    case ${take:-} in
    yes) take=no ;;
    *) case $option in
        --features | -F | --target | --config) take=yes ;;
        --features=* | -F* | --target=* | --config=* | --no-default-features | --all-features | --offline | --frozen) ;;
        *) continue ;;
        esac ;;
    esac
    set -- "$@" "$option"
done

field() { # field NAME: of what "rustc -vV" says
    "${RUSTC:-rustc}" -vV | sed -n "s/^$1: //p"
}
sqlite=$(strings -a "$archive" | grep -E '^3\.[0-9]+\.[0-9]+$' | sort -u)

# depth, name, version | licence | repository | features
"$cargo" tree --manifest-path "$root/Cargo.toml" --locked --edges normal,no-proc-macro --prefix depth --charset ascii \
    --format '{p}|{l}|{r}|{f}' "$@" |
    awk -v rust="$(field release)" -v sqlite="$sqlite" -v lock="$root/Cargo.lock" '
function reference(name, version) {
    return "pkg:cargo/" name "@" version
}
function depends(from, to) {
    if (!((from, to) in edge)) {
        edge[from, to] = 1
        edges[from] = edges[from] (edges[from] == "" ? "" : "\n") to
    }
}
function component(ref, name, version, licence, hash, repository,    text) {
    text = "{\"type\": \"library\", \"bom-ref\": \"" ref "\", \"name\": \"" name "\", \"version\": \"" version "\", \"purl\": \"" ref "\""
    # Some have a file alone.
    text = text ", \"licenses\": [" (licence == "" ? "{\"license\": {\"name\": \"LICENSE\"}}" : "{\"expression\": \"" licence "\"}") "]"
    if (hash != "")
        text = text ", \"hashes\": [{\"alg\": \"SHA-256\", \"content\": \"" hash "\"}]"
    if (repository != "")
        text = text ", \"externalReferences\": [{\"type\": \"vcs\", \"url\": \"" repository "\"}]"
    return text "}"
}
function add(ref, text) {
    if (!(ref in components))
        order[++count] = ref
    components[ref] = text
}
BEGIN {
    FS = "|"
    while ((getline line < lock) > 0) {
        split(line, part, "\"")
        if (line ~ /^name = /) name = part[2]
        if (line ~ /^version = /) version = part[2]
        if (line ~ /^checksum = /) checksum[reference(name, version)] = part[2]
    }
}
{
    match($1, /^[0-9]+/)
    depth = substr($1, 1, RLENGTH) + 0
    split(substr($1, RLENGTH + 1), word, " ")
    name = word[1]
    version = substr(word[2], 2)
    ref = reference(name, version)
    at[depth] = ref
    if (depth > 0)
        depends(at[depth - 1], ref)
    # A crate that was told already.
    if ($NF ~ /\(\*\)$/)
        next
    licence = $2
    gsub(/\//, " OR ", licence)
    text = component(ref, name, version, licence, checksum[ref], $3)
    if (depth == 0) {
        own = ref
        own_text = text
    } else
        add(ref, text)
    if (name == "libsqlite3-sys" && ("," $4 ",") ~ /,bundled,/) {
        if (sqlite !~ /^[0-9.]+$/) {
            print "sbom.sh: the archive does not say one version of SQLite: " sqlite >"/dev/stderr"
            failed = 1
            exit 1
        }
        ref = "pkg:generic/sqlite@" sqlite
        add(ref, component(ref, "SQLite", sqlite, "blessing", "", "https://sqlite.org/src"))
        depends(at[depth], ref)
    }
}
END {
    if (failed || own == "")
        exit 1
    ref = "pkg:generic/rust-std@" rust
    add(ref, component(ref, "Rust standard library", rust, \
        "(MIT OR Apache-2.0) AND MIT AND Apache-2.0 WITH LLVM-exception AND Unicode-3.0", "", "https://github.com/rust-lang/rust"))
    depends(own, ref)
    # By name, whatever leads to them.
    for (i = 2; i <= count; i++)
        for (j = i; j > 1 && order[j] < order[j - 1]; j--) {
            swap = order[j]; order[j] = order[j - 1]; order[j - 1] = swap
        }
    print "{"
    print "  \"bomFormat\": \"CycloneDX\","
    print "  \"specVersion\": \"1.6\","
    print "  \"version\": 1,"
    print "  \"metadata\": {\"component\": " own_text "},"
    print "  \"components\": ["
    for (i = 1; i <= count; i++)
        print "    " components[order[i]] (i < count ? "," : "")
    print "  ],"
    print "  \"dependencies\": ["
    order[0] = own
    for (i = 0; i <= count; i++) {
        text = edges[order[i]]
        gsub(/\n/, "\", \"", text)
        print "    {\"ref\": \"" order[i] "\", \"dependsOn\": [" (text == "" ? "" : "\"" text "\"") "]}" (i < count ? "," : "")
    }
    print "  ]"
    print "}"
}'
