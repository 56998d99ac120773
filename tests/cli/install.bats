#!/usr/bin/env bats
# make install, uninstall and dist, and what the package and the container are made from.

load helper

unset MAKEFLAGS MFLAGS MAKELEVEL

# From the build that is tested.
make_in_top() {
	call make -C "$TOP" BUILD="${BUILD:-$TOP/build}" "$@"
	status_is 0
}

programs() {
	local source
	for source in "$TOP"/tools/*.c; do
		basename "$source" .c
	done
	echo lbmock
}

# What is to be installed, below the prefix.
wanted() {
	local name
	for name in $(programs); do
		echo "bin/$name"
		echo "share/bash-completion/completions/$name"
		echo "share/zsh/site-functions/_$name"
		echo "share/fish/vendor_completions.d/$name.fish"
	done
	for name in "$TOP"/man/*; do
		echo "share/man/man${name##*.}/${name##*/}"
	done
	for name in "$TOP"/contrib/recipes/*; do
		echo "share/lb/recipes/${name##*/}"
	done
	printf 'share/%s\n' lb/prices.json doc/lb/README.md doc/lb/LICENSE
}

@test "installed are the programs, their pages, completions, prices, recipes and nothing else" {
	make_in_top install DESTDIR="$PWD/root"
	(cd root/usr/local && find . -type f | sed 's,^\./,,' | sort) >got
	wanted | sort >want
	same got want
	[ "$(find root -type f -not -path 'root/usr/local/*' | wc -l)" -eq 0 ]
	# Programs and recipes can be run, the rest can be read, and only the owner can write.
	find root/usr/local/bin -type f ! -perm 755 >odd
	find root/usr/local/share -type f ! -perm 644 ! -path '*/recipes/*' >>odd
	same odd /dev/null
	for file in "$TOP"/contrib/recipes/*; do
		installed=root/usr/local/share/lb/recipes/${file##*/}
		[ -r "$installed" ]
		if [ -x "$file" ]; then [ -x "$installed" ]; else [ ! -x "$installed" ]; fi
	done
}

@test "uninstall takes away what is ours, and leaves what is not" {
	for place in bin share/man/man1 share/man/man7 share/doc share/bash-completion/completions \
		share/zsh/site-functions share/fish/vendor_completions.d; do
		mkdir -p "root/usr/local/$place"
		touch "root/usr/local/$place/"{lbother,lbcall.not}
	done
	find root | sort >before
	make_in_top install DESTDIR="$PWD/root"
	[ "$(find root -type f | wc -l)" -gt 50 ]
	make_in_top uninstall DESTDIR="$PWD/root"
	find root -type f | sort >after
	grep /lb before | grep -v '/lb$' | sort >want
	same after want
	# Directories with our name are gone, those that all share stay.
	[ -z "$(find root -type d \( -name lb -o -name recipes \))" ]
	# A second time, and where nothing was installed, there is nothing to do.
	make_in_top uninstall DESTDIR="$PWD/root"
	make_in_top uninstall DESTDIR="$PWD/nowhere"
	[ ! -e nowhere ]
}

@test "somebody's own file in our directory survives, and with it the directory" {
	make_in_top install DESTDIR="$PWD/root"
	touch root/usr/local/share/lb/mine.json
	make_in_top uninstall DESTDIR="$PWD/root"
	[ "$(find root -type f)" = root/usr/local/share/lb/mine.json ]
}

@test "each place can be chosen, and may have a blank in its name" {
	make_in_top install DESTDIR="$PWD/a root" PREFIX=/opt/lb MANDIR=/m DOCDIR='/d d' SHAREDIR=/s BASHDIR=/b ZSHDIR=/z FISHDIR=/f
	for file in opt/lb/bin/lbcall m/man5/lb-record.5 'd d/LICENSE' s/prices.json s/recipes b/lbcall z/_lbcall f/lbcall.fish; do
		[ -e "a root/$file" ]
	done
	[ ! -e 'a root/usr' ]
	make_in_top uninstall DESTDIR="$PWD/a root" PREFIX=/opt/lb MANDIR=/m DOCDIR='/d d' SHAREDIR=/s BASHDIR=/b ZSHDIR=/z FISHDIR=/f
	[ "$(find 'a root' -type f | wc -l)" -eq 0 ]
	[ ! -e 'a root/s' ]
	[ ! -e 'a root/d d' ]
}

@test "in somebody's own ~/.local the programs run, from any directory, and find the prices" {
	make_in_top install PREFIX="$PWD/home/.local"
	ln -s "$PWD/home/.local/bin/lbcost" link
	cd /
	for program in "$BATS_TEST_TMPDIR/home/.local/bin/lbcost" "$BATS_TEST_TMPDIR/link"; do
		env -i "$program" --prices-check >"$BATS_TEST_TMPDIR/found"
		grep -q "^$BATS_TEST_TMPDIR/home/.local/.*prices.json: [0-9]* models" "$BATS_TEST_TMPDIR/found"
	done
}

@test "man finds the pages" {
	command -v man >/dev/null || skip "man is not installed"
	make_in_top install DESTDIR="$PWD/root"
	for page in "$TOP"/man/*; do
		name=${page##*/}
		call man -M root/usr/local/share/man "${name##*.}" "${name%.*}"
		status_is 0
		[ "$(lines out)" -gt 20 ]
	done
}

@test "the tar of make dist is what is committed, and needs no git to be built" {
	git -C "$TOP" rev-parse HEAD >/dev/null 2>&1 || skip "this is no checkout"
	version=$("$LB_BIN/lbcall" --version | cut -d ' ' -f 2)
	make_in_top dist BUILD="$PWD/made"
	tar -xf "made/lb-$version.tar.gz"
	(cd "lb-$version" && find . ! -type d | sed 's,^\./,,' | sort) >got
	git -C "$TOP" ls-tree -r --name-only HEAD | sort >want
	same got want
	# Each file that is needed is there, or make says that it cannot make it.
	mkdir few
	printf '#!/bin/sh\necho "git was called" >&2\nexit 1\n' >few/git
	chmod +x few/git
	PATH=$PWD/few:$PATH call make -C "lb-$version" -n all test-programs install
	status_is 0
	grep -q 'tools/lbcall' out
	[ ! -s err ]
}

@test "the package has the programs' version, and its build wants what contrib/deps installs" {
	version=$("$LB_BIN/lbcall" --version | cut -d ' ' -f 2)
	[ "$(sed -n '1s/.*(\(.*\)).*/\1/p' "$TOP/contrib/debian/changelog")" = "$version" ]
	# What every Debian build has is not named there; debhelper is the package's own.
	awk '$1 == "build" && $2 ~ /:/ && $3 !~ /^(make|gcc|libc6-dev)$/ { print $3 }' "$TOP/contrib/deps" | sort >want
	sed -n '/^Build-Depends:/,/^[^ ]*:/s/^ \([a-z0-9-]*\).*/\1/p' "$TOP/contrib/debian/control" |
		grep -v '^debhelper' | sort >got
	[ "$(lines got)" -ge 5 ]
	same got want
}
