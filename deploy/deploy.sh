#!/usr/bin/env bash
# The checklist of a deployment, on a machine with systemd, as root, from a checkout: docs/deployment.md.
#   deploy/deploy.sh [--yes] [--worker] [STEP…]   steps: build test install migrate activate verify; without any, all of them in this order
#   deploy/deploy.sh rollback                     the release before this one; a schema does not go back (restore the backup for that)
# --worker has `activate` enable hartonomous-worker, which stays enabled.
# Each release is a folder of its own; `venv` is a link to the one in force, so a failed step leaves the running one alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=${ROOT:-} # of the file system, for a trial elsewhere
prefix=$root/opt/hartonomous etc=$root/etc/hartonomous home=$root/var/lib/hartonomous
python=${PYTHON:-python3} user=${SERVICE_USER:-hartonomous}
yes="" worker="" answer="" env_files=("$etc/hartonomous.env")
say() { printf '== %s\n' "$*"; }
runs_systemd() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

as_service() { # the user, settings and secrets of the units, for a command of a release
    local settings=(HARTONOMOUS_HOME="$home" HARTONOMOUS_CODE_SERVER="unix:$root/run/hartonomous/code.sock") line
    if runs_systemd; then
        systemd-run --pipe --wait --quiet --collect --uid="$user" "${env_files[@]/#/--property=EnvironmentFile=}" \
            -p LoadCredential="hartonomous:$etc/secrets" -p 'Environment=HARTONOMOUS_SECRETS_DIR=%d' "${settings[@]/#/--setenv=}" "$@"
        return
    fi
    while IFS= read -r line; do # a value may hold quotes, which a shell would take away
        [[ $line =~ ^HARTONOMOUS_ ]] && settings+=("$line")
    done < <(cat "${env_files[@]}")
    local run=(env -i "${settings[@]}" HOME="$home" PATH="$PATH" "$@")
    [ "$(id -un)" = "$user" ] || run=(setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups -- "${run[@]}")
    (cd "$home" && "${run[@]}")
}

build() {
    say "build: the wheel, from this checkout"
    rm -rf dist
    "$python" -m pip wheel --quiet --no-deps --wheel-dir dist .
}

test_() {
    say "test: lint, types and tests, in an environment of their own (TESTS names some of them)"
    local folder
    folder=$(mktemp -d)
    "$python" -m venv "$folder"
    "$folder/bin/pip" install --quiet -c constraints.txt -e '.[test]'
    PATH="$folder/bin:$PATH" bash -c 'ruff check . && mypy && pytest -q -n 2 '"${TESTS:-}"
    rm -rf "$folder"
}

install_() {
    say "install: a release beside the one that runs"
    local wheel release
    wheel=$(echo dist/hartonomous-*.whl)
    [ -f "$wheel" ] || { echo "no wheel in dist/: run the step build" >&2; exit 1; }
    release=$prefix/releases/$(date -u +%Y%m%dT%H%M%SZ)
    mkdir -p "$prefix/releases" "$etc"
    if [ -z "$root" ]; then
        install -D -m 644 deploy/systemd/sysusers.conf /usr/lib/sysusers.d/hartonomous.conf
        id "$user" >/dev/null 2>&1 || systemd-sysusers
    fi
    install -d -m 750 -o "$user" -g "$(id -g "$user")" "$home"
    install -d -m 700 "$etc/secrets"
    [ -e "$etc/hartonomous.env" ] || install -m 640 -g "$(id -g "$user")" deploy/systemd/hartonomous.env.example "$etc/hartonomous.env"
    "$python" -m venv "$release"
    "$release/bin/pip" install --quiet -c constraints.txt "${wheel}[sqlserver,code,parquet]"
    ln -sfn "$release" "$prefix/next"
    echo "$release"
}

migrate() { # with the login of migrate.env, where there is one: that of the services may only execute
    say "migrate: what would run"
    [ ! -e "$etc/migrate.env" ] || env_files+=("$etc/migrate.env")
    if [ -e "$home/hartonomous.db" ] || grep -qE '^HARTONOMOUS_SQLSERVER_(SERVER|DSN)=' "${env_files[@]}"; then
        as_service "$prefix/next/bin/hartonomous" migrate --dry-run
    else
        echo "a new database would be made in $home"
    fi
    if [ -z "$yes" ]; then
        read -r -p "migrate? [y/N] " answer || true
        [ "$answer" = y ] || { echo "not migrated: nothing was changed" >&2; exit 1; }
    fi
    as_service "$prefix/next/bin/hartonomous" migrate
    env_files=("$etc/hartonomous.env")
}

activate() {
    say "activate: the link, the units, a restart"
    local next
    next=$(readlink "$prefix/next")
    if [ -e "$prefix/venv" ] && [ "$(readlink "$prefix/venv")" != "$next" ]; then
        ln -sfn "$(readlink "$prefix/venv")" "$prefix/previous"
    fi
    switch "$next"
}

switch() { # RELEASE
    ln -sfn "$1" "$prefix/venv.new" && mv -T "$prefix/venv.new" "$prefix/venv"
    install -d "$root/etc/systemd/system/hartonomous-.service.d"
    install -m 644 deploy/systemd/hartonomous.target deploy/systemd/*.service "$root/etc/systemd/system/"
    install -m 644 deploy/systemd/hartonomous-.service.d/common.conf "$root/etc/systemd/system/hartonomous-.service.d/"
    [ -z "$worker" ] || systemctl --root="$root/" enable --quiet hartonomous-worker.service
    if runs_systemd; then
        systemctl daemon-reload && systemctl enable --quiet hartonomous.target && systemctl restart hartonomous.target
    else
        echo "systemd does not run here: nothing was started"
    fi
}

verify() {
    say "verify: the installation, and the check that the .NET system shipped"
    if runs_systemd; then # the daemon writes it once the code server answers
        timeout 120 bash -c "until [ -e '$home/dev.process' ]; do sleep 1; done" || echo "the daemon has not come up within two minutes"
    fi
    as_service "$prefix/venv/bin/hartonomous" doctor
    as_service "$prefix/venv/bin/hartonomous" sql "SELECT COUNT(*) AS TotalEmbeddings,
       SUM(CASE WHEN SpatialKey IS NOT NULL THEN 1 ELSE 0 END) AS WithSpatial FROM dbo.AtomEmbedding"
}

rollback() {
    say "rollback: the release before"
    switch "$(readlink "$prefix/previous")"
}

steps=()
for word in "$@"; do
    case $word in
    --yes) yes=1 ;;
    --worker) worker=1 ;;
    build | test | install | migrate | activate | verify | rollback) steps+=("$word") ;;
    *) echo "$word is no step: see the head of $0" >&2 && exit 2 ;;
    esac
done
[ ${#steps[@]} -gt 0 ] || steps=(build test install migrate activate verify)
for step in "${steps[@]}"; do
    case $step in test | install) "${step}_" ;; *) "$step" ;; esac
done
