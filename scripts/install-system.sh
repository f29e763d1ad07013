#!/usr/bin/env bash
# Installs what the tests need from the system: PostgreSQL's server programs, PgBouncer, Chromium and a font for it.
# Does nothing, quickly, where they are present already.
set -euo pipefail

has_postgresql() {
  command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

has_pgbouncer() {
  command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ]
}

has_chromium() {
  command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null
}

has_font() {
  command -v fc-list >/dev/null && [ -n "$(fc-list | head -n 1)" ]
}

missing=()
has_postgresql || missing+=(postgresql)
has_pgbouncer || missing+=(pgbouncer)
has_chromium || missing+=(chromium)
has_font || missing+=(fontconfig fonts-dejavu-core)
command -v wrk >/dev/null || missing+=(wrk)

if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  echo "There is no apt on this system: install these by hand and run this again: ${missing[*]}." >&2
  exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Installing ${missing[*]} takes root: run this as root, or install sudo." >&2
    exit 1
  fi
  as_root=(sudo)
fi

install_packages() {
  # `env` carries the setting through sudo, which clears the environment.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "$@" </dev/null
}

"${as_root[@]}" apt-get update --quiet

cluster_settings=/etc/postgresql-common/createcluster.conf
if [[ " ${missing[*]} " == *" postgresql "* ]] && [ ! -e "$cluster_settings" ]; then
  # The tests start servers of their own; Debian would start one more for nobody, unless told first.
  install_packages postgresql-common
  "${as_root[@]}" sed -i -E 's/^#?create_main_cluster *=.*/create_main_cluster = false/' "$cluster_settings"
fi

install_packages "${missing[@]}"
