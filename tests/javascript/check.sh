# Check the app's JavaScript, CSS and HTML: their form by prettier, their types by the TypeScript
# compiler. Needs node, which the app itself does not. `check.sh --write` brings them into form.
set -eu
cd "$(dirname "$0")"
skip() { # a failure where everything should be there
    echo "WARNING: $1: JAVASCRIPT, CSS AND HTML ARE NOT CHECKED." >&2
    [ "${CI:-}" = true ] && exit 1
    exit 0
}
command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || skip "no node and npm here"
installed=node_modules/.package-lock.json
if [ ! -e $installed ] || [ package-lock.json -nt $installed ]; then
    npm ci --silent --no-audit --no-fund || skip "npm could not install what checks them"
    touch $installed
fi
form=--check
[ "${1:-}" = --write ] && form=--write
node_modules/.bin/prettier --config .prettierrc.json --log-level warn $form "../../assets/**/*.{js,css,html}" "*.js" "*.json"
node_modules/.bin/tsc --project .
