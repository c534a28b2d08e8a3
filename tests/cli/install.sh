#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `make install`, and a program of somebody else's built against what it
# installs: by pkg-config, shared and static.
. tests/cli/lib
MAKEFLAGS=
export MAKEFLAGS
cc=${CC:-gcc}
flags=$(cat "$programs/sanitizers") # those it is built with: with others it would be built anew
root=$tmp/root

expect 0 make --no-print-directory install BUILD="$programs" DESTDIR="$root" PREFIX=/usr CFLAGS='-O1 -g' SANITIZE="$flags"
for file in bin/tocsin include/tocsin.h lib/libtocsin.a lib/libtocsin.so lib/libtocsin.so.0 lib/pkgconfig/tocsin.pc \
    share/man/man1/tocsin.1 share/man/man5/tocsin-rules.5 share/tocsin/stdlib-rules/site.tsn share/tocsin/rules/site.tsn; do
	expect 0 test -s "$root/usr/$file"
done
expect 0 "$root/usr/bin/tocsin" run -q -r "$root/usr/share/tocsin/stdlib-rules" -r tests/fixtures/demo.tsn "$capture"
says out stdlib.slammer

# The shared library shows the functions of tocsin.h, all of them and nothing else.
nm -D --defined-only "$root/usr/lib/libtocsin.so.0" | awk '{ print $3 }' | sort > "$tmp/exported"
sed -n 's/^[a-z].*[ *]\(tocsin_[a-z_]*\)(.*/\1/p' "$root/usr/include/tocsin.h" | sort > "$tmp/declared"
same 'symbols of libtocsin.so' "$tmp/declared" "$tmp/exported"

cat > "$tmp/guest.c" << 'END'
#include <stdio.h>
#include <tocsin.h>

static void
print(void *arg, const char *json, size_t length)
{
	++*(int *)arg;
	printf("%.*s\n", (int)length, json);
}

int
main(void)
{
	struct tocsin_field f[] = { { "src", "10.0.0.5" }, { "proto", "udp" }, { "dst_port", "1434" } };
	int alerts = 0;
	struct tocsin *t = tocsin_new(&(struct tocsin_options){ .on_alert = print, .arg = &alerts });

	if (t == NULL || !tocsin_load_text(t, "guest.tsn", "rule guest { when dst_port==1434 }"))
		return 1;
	if (!tocsin_flow(t, f, 3, 1767571200000))
		return 2;
	tocsin_finish(t);
	tocsin_free(t);
	return alerts > 0 ? 0 : 3;
}
END
PKG_CONFIG_PATH=$root/usr/lib/pkgconfig
PKG_CONFIG_SYSROOT_DIR=
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
expect 0 pkg-config --define-variable=prefix="$root/usr" --cflags --libs tocsin
shared=$(cat "$tmp/out")
expect 0 pkg-config --define-variable=prefix="$root/usr" --static --cflags --libs tocsin
static=$(cat "$tmp/out" | sed 's/-ltocsin/-l:libtocsin.a/')
# shellcheck disable=SC2086
expect 0 $cc -std=c17 -Wall -Wextra -Werror $flags -o "$tmp/shared" "$tmp/guest.c" $shared
# shellcheck disable=SC2086
expect 0 $cc -std=c17 -Wall -Wextra -Werror $flags -o "$tmp/static" "$tmp/guest.c" $static
expect 0 env LD_LIBRARY_PATH="$root/usr/lib" "$tmp/shared"
says out '"rule":"guest"'
mv "$tmp/out" "$tmp/first"
expect 0 "$tmp/static"
same 'alerts of the two programs' "$tmp/first" "$tmp/out"
expect 0 ldd "$tmp/static"
checks=$((checks + 1))
! grep -q libtocsin "$tmp/out" || failed 'the static program needs the shared library'
if command -v g++ > /dev/null 2>&1; then
	echo '#include <tocsin.h>
	int main() { return tocsin_version() == nullptr; }' > "$tmp/guest.cc"
	# shellcheck disable=SC2086
	expect 0 g++ -Wall -Wextra -Werror $flags -o "$tmp/cc" "$tmp/guest.cc" $shared
fi

expect 0 make --no-print-directory uninstall DESTDIR="$root" PREFIX=/usr
checks=$((checks + 1))
[ -z "$(find "$root" -type f -o -type l)" ] || failed 'uninstall leaves files behind'
finish
