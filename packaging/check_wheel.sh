#!/bin/sh
# check_wheel.sh WHEEL: tries a wheel where nothing else of ours is: in an empty Debian (build/debian-root, made
# once, in a minute), or in a new environment of this machine where that cannot be had.
set -eu
wheel=$(realpath "$1")
cd "$(dirname "$0")/.."
root=$PWD/build/debian-root

say() { printf 'check_wheel.sh: %s\n' "$*" >&2; }

# readme_block START: the first block of README that begins with a line that matches, without its fences.
readme_block() { sed -n "/$1/,/^\`\`\`\$/{/^\`\`\`/!p;/^\`\`\`\$/q}" README.md; }

# make_root: makes the empty Debian, of this machine's release with python3 and python3-venv alone. Fails
# where that cannot be.
make_root() {
  [ "$(id -u)" = 0 ] && command -v debootstrap >/dev/null && unshare --mount true 2>/dev/null || return 1
  [ ! -e "$root/made" ] || return 0
  say "making an empty Debian in $root"
  rm -rf "$root"
  # shellcheck source=/dev/null
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  timeout 600 debootstrap --variant=minbase --include=python3,python3-venv "$release" "$root" \
    >build/debian-root.log 2>&1 </dev/null || { say "debootstrap failed: see build/debian-root.log"; return 1; }
  touch "$root/made"
}

# in_root COMMAND...: runs a command in the empty Debian, which reaches the network and the Python index as
# this machine does.
in_root() {
  for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/xdg/pip /etc/ssl/certs/ca-certificates.crt; do
    [ ! -e "$file" ] || { mkdir -p "$root/${file%/*}" && cp -RL "$file" "$root/${file%/*}/"; }
  done
  # shellcheck disable=SC2016  # the inner shell expands them
  unshare --mount sh -euc 'mount -t proc proc "$0/proc"; exec chroot "$0" "$@"' "$root" "$@"
}

if make_root; then
  trial=$root/trial
else
  trial=$PWD/build/wheel-trial
fi
rm -rf "$trial"
mkdir -p "$trial"
cp "$wheel" packaging/try_wheel.sh "$trial"
readme_block '^```python' >"$trial/example.py"
readme_block '^lodestone sample' >"$trial/table.sh"

if [ "$trial" = "$root/trial" ]; then
  say "trying the wheel in an empty Debian: python3 and python3-venv, no compiler, no library of ours"
  in_root sh /trial/try_wheel.sh /trial
else
  say "no empty Debian (it takes root, debootstrap and unshare): trying the wheel in a new environment here"
  sh "$trial/try_wheel.sh" "$trial"
fi
rm -rf "$trial"
