#!/bin/sh
# Installs Opsen from its release archives, after checking them against the published checksums.
#
#   curl -fsSL https://raw.githubusercontent.com/cyqlelabs/opsen/main/install.sh | sh
#   curl -fsSL .../install.sh | sh -s -- server --systemd
#
# See usage() below or run with --help.
set -eu

usage() {
  cat <<'EOF'
Usage: install.sh [server | client | both] [options]

  server, client, both   what to install (default: both)
  --dir DIR              where the executables go (default: /usr/local/bin)
  --version TAG          release to install, such as v0.1.0 (default: the latest)
  --systemd              also install systemd units, example configurations and the system user "opsen"
  --config-dir DIR       where example configurations go with --systemd (default: /etc/opsen)
  --unit-dir DIR         where units go with --systemd (default: /etc/systemd/system)
  --uninstall            remove executables and units; configurations and data stay
  --help                 print this text

Environment: INSTALL_DIR and VERSION stand for --dir and --version.
  OPSEN_REPO             GitHub repository of the releases (default: cyqlelabs/opsen)
  OPSEN_DOWNLOAD_URL     directory that holds the archives and SHA256SUMS, instead of a GitHub release;
                         needs --version
EOF
}

say() { printf '%s\n' "$*"; }
fail() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}

main() {
  repo=${OPSEN_REPO:-cyqlelabs/opsen}
  base_url=${OPSEN_DOWNLOAD_URL:-}
  install_dir=${INSTALL_DIR:-/usr/local/bin}
  config_dir=/etc/opsen
  unit_dir=/etc/systemd/system
  version=${VERSION:-latest}
  component=both
  systemd=no
  uninstall=no
  read_arguments "$@"

  case $component in
    both) programs="opsen-server opsen-client" ;;
    *) programs="opsen-$component" ;;
  esac
  if [ "$uninstall" = yes ]; then
    uninstall_all
    return
  fi
  [ "$systemd" = no ] || require_systemd

  platform=$(detect_platform)
  work=$(mktemp -d) || fail "no temporary directory could be made; set TMPDIR to one that can be written"
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  resolve_version
  download SHA256SUMS
  for program in $programs; do fetch_program "$program"; done
  # Nothing is put in place before everything has been downloaded and checked.
  for program in $programs; do place_program "$program"; done
  [ "$systemd" = no ] || place_units
  say "Installed in $install_dir: $programs ($version)"
  say "Try: $install_dir/${programs%% *} -help"
}

read_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      server | client | both) component=$1 ;;
      --systemd) systemd=yes ;;
      --uninstall) uninstall=yes ;;
      --help | -h)
        usage
        exit 0
        ;;
      --dir | --version | --config-dir | --unit-dir)
        [ $# -ge 2 ] || fail "$1 needs a value"
        case $1 in
          --dir) install_dir=$2 ;;
          --version) version=$2 ;;
          --config-dir) config_dir=$2 ;;
          --unit-dir) unit_dir=$2 ;;
        esac
        shift
        ;;
      *) fail "unknown argument \"$1\"; --help lists what there is" ;;
    esac
    shift
  done
}

# Prints the suffix of the release files for this machine.
detect_platform() {
  machine=$(uname -m)
  case $machine in
    x86_64 | amd64) arch=amd64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "no release is built for the processor \"$machine\": amd64 and arm64 are" ;;
  esac
  system=$(uname -s)
  case $system in
    Linux)
      if is_musl; then
        say "linux_${arch}_musl"
      else
        say "linux_$arch"
      fi
      ;;
    Darwin) say "darwin_$arch" ;;
    MINGW* | MSYS* | CYGWIN*)
      fail "on Windows, take opsen-server_<version>_windows_amd64.tar.gz from the releases page and unpack it with tar"
      ;;
    *) fail "no release is built for the operating system \"$system\": Linux, macOS and Windows are" ;;
  esac
}

is_musl() {
  if command -v ldd >/dev/null 2>&1; then
    ldd --version 2>&1 | grep -qi musl && return 0
    return 1
  fi
  for loader in /lib/ld-musl-*.so.1; do [ -e "$loader" ] && return 0; done
  return 1
}

resolve_version() {
  if [ "$version" = latest ]; then
    [ -z "$base_url" ] || fail "OPSEN_DOWNLOAD_URL needs --version, as a plain directory has no latest release"
    # The address that "latest" leads to ends in the tag; unlike the API it has no rate limit.
    latest=$(final_url "https://github.com/$repo/releases/latest") ||
      fail "the latest release of $repo could not be found; name one with --version"
    version=${latest##*/}
    case $version in
      [v0-9]*) ;;
      *) fail "$repo has no release yet" ;;
    esac
  fi
  case $version in
    *[!A-Za-z0-9._-]*) fail "\"$version\" is not the name of a release" ;;
  esac
  [ -n "$base_url" ] || base_url=https://github.com/$repo/releases/download/$version
  base_url=${base_url%/}
}

final_url() {
  if command -v curl >/dev/null 2>&1; then
    curl -fsSL --retry 2 -o /dev/null -w '%{url_effective}' "$1"
  elif command -v wget >/dev/null 2>&1; then
    wget -S --spider "$1" 2>&1 | sed -n 's/^ *[Ll]ocation: *\([^ ]*\).*/\1/p' | tail -n 1
  else
    fail "curl or wget is needed"
  fi
}

# Downloads one file of the release into $work.
download() {
  url=$base_url/$1
  if command -v curl >/dev/null 2>&1; then
    curl -fsSL --retry 2 -o "$work/$1" "$url" || fail "$url could not be downloaded"
  elif command -v wget >/dev/null 2>&1; then
    wget -q -O "$work/$1" "$url" || fail "$url could not be downloaded"
  else
    fail "curl or wget is needed"
  fi
}

# Downloads, checks and unpacks one program into $work/<program>/.
fetch_program() {
  archive=$1_${version}_$platform.tar.gz
  expected=$(awk -v name="$archive" '$2 == name || $2 == "*" name { print $1 }' "$work/SHA256SUMS")
  [ -n "$expected" ] || fail "$archive is not in SHA256SUMS of $version: this platform may not be part of that release"
  say "Downloading $archive"
  download "$archive"
  actual=$(sha256 "$work/$archive")
  [ "$actual" = "$expected" ] ||
    fail "$archive does not match its checksum (expected $expected, got $actual); nothing was installed"
  mkdir "$work/$1"
  tar -xzf "$work/$archive" -C "$work/$1" || fail "$archive could not be unpacked"
  [ -f "$work/$1/$1" ] || fail "$archive does not contain $1"
  chmod 0755 "$work/$1/$1"
  "$work/$1/$1" -version >/dev/null 2>&1 || fail "$1 does not run on this machine$(libraries_hint)"
}

libraries_hint() {
  case $platform in
    *_musl) printf '%s' '; on Alpine it needs: apk add libstdc++ libgcc' ;;
  esac
}

sha256() {
  if command -v sha256sum >/dev/null 2>&1; then
    sha256sum "$1" | cut -d ' ' -f 1
  elif command -v shasum >/dev/null 2>&1; then
    shasum -a 256 "$1" | cut -d ' ' -f 1
  elif command -v openssl >/dev/null 2>&1; then
    openssl dgst -sha256 "$1" | sed 's/.* //'
  else
    fail "sha256sum, shasum or openssl is needed to check the download"
  fi
}

place_program() {
  make_directory "$install_dir"
  # Renaming within a directory is atomic and works while the old executable runs.
  as_owner "$install_dir" cp "$work/$1/$1" "$install_dir/.$1.new"
  as_owner "$install_dir" chmod 0755 "$install_dir/.$1.new"
  as_owner "$install_dir" mv -f "$install_dir/.$1.new" "$install_dir/$1"
}

require_systemd() {
  [ "$(uname -s)" = Linux ] || fail "--systemd is for Linux"
  command -v systemctl >/dev/null 2>&1 || fail "--systemd was asked for, but there is no systemctl here"
}

place_units() {
  make_directory "$config_dir"
  make_directory "$unit_dir"
  if ! id opsen >/dev/null 2>&1; then
    as_root useradd --system --user-group --no-create-home --home-dir /nonexistent \
      --shell /usr/sbin/nologin opsen || fail "the system user \"opsen\" could not be made"
  fi
  for program in $programs; do
    place_config "${program#opsen-}"
    place_unit "$program"
  done
  as_root systemctl daemon-reload || say "systemd could not be reloaded; run: systemctl daemon-reload"
  for program in $programs; do
    say "Edit $config_dir/${program#opsen-}.yml, then: systemctl enable --now $program"
  done
}

# Puts server.yml or client.yml in place unless there is one: readable by the service alone, as it may hold a key.
place_config() {
  config=$config_dir/$1.yml
  if [ -e "$config" ]; then
    say "Kept $config"
    return
  fi
  as_owner "$config_dir" cp "$work/opsen-$1/$1.example.yml" "$config"
  as_owner "$config_dir" chmod 0640 "$config"
  as_root chown root:opsen "$config"
}

place_unit() {
  sed -e "s|/usr/local/bin/|$install_dir/|" -e "s|/etc/opsen/|$config_dir/|" \
    "$work/$1/$1.service" >"$work/$1.service"
  as_owner "$unit_dir" cp "$work/$1.service" "$unit_dir/$1.service"
  as_owner "$unit_dir" chmod 0644 "$unit_dir/$1.service"
}

uninstall_all() {
  units_removed=no
  for program in $programs; do
    if [ -e "$unit_dir/$program.service" ]; then
      tell_systemd disable --now "$program"
      as_owner "$unit_dir" rm -f "$unit_dir/$program.service"
      units_removed=yes
      say "Removed $unit_dir/$program.service"
    fi
    if [ -e "$install_dir/$program" ]; then
      as_owner "$install_dir" rm -f "$install_dir/$program"
      say "Removed $install_dir/$program"
    else
      say "$install_dir/$program is not installed"
    fi
  done
  [ "$units_removed" = no ] || tell_systemd daemon-reload
  say "Configurations ($config_dir) and data (/var/lib/opsen-server, /var/lib/opsen-client, /var/log/opsen) were kept."
}

# Asks systemd for something without which the rest can go on.
tell_systemd() {
  command -v systemctl >/dev/null 2>&1 || return 0
  (as_root systemctl "$@") || say "systemd did not follow; run: systemctl $*"
}

make_directory() {
  [ ! -d "$1" ] || return 0
  parent=$(dirname "$1")
  while [ ! -d "$parent" ]; do parent=$(dirname "$parent"); done
  as_owner "$parent" mkdir -p "$1"
}

# Runs a command that changes a directory, through sudo only if the directory cannot be written otherwise.
as_owner() {
  directory=$1
  shift
  if [ -w "$directory" ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    fail "$directory cannot be written and there is no sudo; run as root or choose another place with --dir"
  fi
}

# Runs a command that changes the system, whoever owns the directories: through sudo unless we are root.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    fail "\"$*\" needs root and there is no sudo; run as root"
  fi
}

# Called last, so that a download of this script that was cut short does nothing.
main "$@"
