# Makes the checkout's .venv; sourced by scripts/vsmagic, scripts/test and .ci/run.
#
#   setup_venv CHECKOUT [EXTRA ...]     makes or mends CHECKOUT/.venv; leaves its path in $venv
#
# What is installed is written to .venv/vsmagic-stamp. A run that finds its own wishes there starts nothing else.
#
#   VSMAGIC_PYTHON   the Python to make .venv with      default: the first of python_candidates that runs
#   VSMAGIC_EXTRAS   extras to install, comma separated, such as: nvidia,vulkan

say() {
    printf 'vsmagic: %s\n' "$*" >&2
}

die() {
    say "$@"
    exit 8
}

# Prints the interpreter behind a name, or fails. "-I" keeps modules of the current folder out.
# A symbolic link is followed: a venv on python3.12 breaks visibly when that is removed, one on python3 does not.
probe='
import os, sys
if sys.version_info < (3, 12):
    sys.exit(1)
import ensurepip, ssl, venv
print(os.path.realpath(sys.executable))
'

accept_python() {
    [ -f "$1" ] && [ -x "$1" ] || return 1
    python=$("$1" -I -c "$probe" </dev/null 2>/dev/null) && [ -n "$python" ]
}

each_on_path() { # each_on_path COMMAND: calls COMMAND with every folder of PATH until it succeeds
    rest=${PATH-}:
    while [ -n "$rest" ]; do
        folder=${rest%%:*}
        rest=${rest#*:}
        if "$1" "${folder:-.}"; then
            return 0
        fi
    done
    return 1
}

accept_named_in() {
    accept_python "$1/$name"
}

# A shim of pyenv fails where no version is chosen, so the versions themselves are tried.
accept_pyenv_beside() {
    case $1 in
        */shims | */bin) accept_version_in "${1%/*}/versions" ;;
        *) return 1 ;;
    esac
}

accept_version_in() { # pyenv: 3.13.0; uv: cpython-3.13.0-linux-x86_64-gnu
    for version in 3.14 3.13 3.12; do
        for found in "$1/$version"*/bin/python "$1/cpython-$version"*/bin/python; do
            if accept_python "$found"; then
                return 0
            fi
        done
    done
    return 1
}

find_python() {
    if [ -n "${VSMAGIC_PYTHON-}" ]; then
        accept_python "$(command -v -- "$VSMAGIC_PYTHON")" && return
        die "VSMAGIC_PYTHON is $VSMAGIC_PYTHON; expected a Python 3.12 or newer that runs and has the modules" \
            "venv, ensurepip and ssl. Name another one, or unset it."
    fi
    for name in python3.14 python3.13 python3.12 python3 python; do
        each_on_path accept_named_in && return
    done
    for folder in "${PYENV_ROOT:-${HOME-}/.pyenv}" "${HOME-}/.pyenv"; do
        accept_version_in "$folder/versions" && return
    done
    each_on_path accept_pyenv_beside && return
    accept_version_in "${UV_PYTHON_INSTALL_DIR:-${XDG_DATA_HOME:-${HOME-}/.local/share}/uv/python}" && return
    die "no Python 3.12 or newer that runs was found on PATH, under pyenv or under uv; install one" \
        "(such as: apt install python3 python3-venv, or: uv python install 3.13)" \
        "or name it: VSMAGIC_PYTHON=/path/to/python."
}

sorted_words() { # joined by single spaces, each once
    words=$(printf '%s\n' "$@" | tr -s ', ' '\n' | sed '/^$/d' | LC_ALL=C sort -u | tr '\n' ' ')
    printf '%s' "${words% }"
}

read_stamp() {
    had_checksum='' had_root='' had_python='' had_extras=''
    [ -f "$stamp" ] || return 0
    {
        IFS= read -r had_checksum
        IFS= read -r had_root
        IFS= read -r had_python
        IFS= read -r had_extras
    } <"$stamp" || :
}

# The stamp names this folder (a moved venv does not work) and the Python that was asked for, if any is asked for now.
venv_is_ours() {
    [ "$had_root" = "$root" ] && [ -x "$venv/bin/python" ] &&
        { [ -z "${VSMAGIC_PYTHON-}" ] || [ "$had_python" = "$VSMAGIC_PYTHON" ]; }
}

venv_is_ready() {
    read_stamp
    venv_is_ours && [ "$had_checksum" = "$checksum" ] || return 1
    for extra in $wanted; do
        case " $had_extras " in
            *" $extra "*) ;;
            *) return 1 ;;
        esac
    done
}

# The lock belongs to the open file, so it outlives the Python that takes it, and pip inherits it:
# after a killed launcher the next one waits for its pip. Nothing is left behind to go stale.
lock() {
    exec 9<"$root"
    "$python" -I -c '
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("vsmagic: waiting for another set-up of this checkout", file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)
' </dev/null || die "$root: cannot be locked for the set-up."
}

# A .venv that somebody made by hand is used as it is.
make_venv() {
    if [ -x "$venv/bin/python" ] && ! [ -e "$stamp" ] && ! [ -e "$unfinished" ]; then
        accept_python "$venv/bin/python" ||
            die "$venv: was not made by this script and holds no Python 3.12 or newer; remove it and try again."
        return
    fi
    mkdir -p "$venv" || die "$venv: cannot be written."
    : >"$unfinished"
    find "$venv" -mindepth 1 -maxdepth 1 ! -name "${unfinished##*/}" -exec rm -rf {} +
    "$python" -I -m venv "$venv" </dev/null >&2 || die "$venv: 'python -m venv' failed (Python: $python)."
}

pip_install() {
    "$venv/bin/python" -I -m pip install --quiet --no-input --disable-pip-version-check "$@" \
        </dev/null >"$venv/install.log" 2>&1
}

install_package() {
    list=$(printf '%s' "$extras" | tr ' ' ',')
    if ! pip_install --editable "$root${list:+[$list]}"; then
        rm -f "$unfinished"
        tail -n 15 "$venv/install.log" >&2
        die "the installation failed; pip's last words stand above, all of them in $venv/install.log."
    fi
    unknown=$(sed -n 's/.*does not provide the extra \(.*\)/\1/p' "$venv/install.log" | head -n 1)
    if [ -n "$unknown" ]; then
        rm -f "$unfinished"
        die "there is no extra $unknown; the extras are listed in $root/pyproject.toml."
    fi
}

# VSGAN pins libraries that are too old for this package, and runs with the new ones all the same.
install_vsgan() {
    case " $extras " in
        *" vsgan "* | *" all "*)
            pip_install --no-deps vsgan || say "VSGAN could not be installed; the rest works without it."
            ;;
    esac
}

# An installation that was cut off leaves its mark: packages in it may be halves, so all is made anew.
install() {
    read_stamp
    extras=$(sorted_words "$had_extras" "$wanted")
    say "setting up $venv with $python${extras:+, extras: $extras} (once; takes a minute or more)"
    if ! venv_is_ours || [ -e "$unfinished" ]; then
        make_venv
    fi
    : >"$unfinished"
    install_package
    install_vsgan
    printf '%s\n' "$checksum" "$root" "${VSMAGIC_PYTHON-}" "$extras" >"$stamp.new" || die "$stamp.new: cannot be written."
    mv "$stamp.new" "$stamp"
    rm -f "$unfinished"
}

setup_venv() {
    root=$1
    shift
    venv=$root/.venv
    stamp=$venv/vsmagic-stamp
    unfinished=$venv/vsmagic-unfinished
    wanted=$(sorted_words "$@" "${VSMAGIC_EXTRAS-}")
    checksum=$(cksum <"$root/pyproject.toml")
    unset PYTHONHOME # it would lead .venv's Python to another's library
    if venv_is_ready; then
        return
    fi
    find_python
    lock
    venv_is_ready || install
    exec 9<&-
}
