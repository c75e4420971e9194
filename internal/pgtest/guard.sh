# Makes a throwaway cluster, runs its server, and takes all of it away again as soon as standard input ends. That is
# when the process that holds the other end of the pipe closes it, or is gone, for whatever reason.
#
# Arguments: the folder of PostgreSQL's programs, the folder to make, "own" for a server that is turned on by a line
# "start" on standard input, once or again (its process is then printed) or "" for one that runs until it is done, the
# connection string of the primary and the name of its new slot for a standby or twice "", "extension" where a tar of an
# extension's files comes on file descriptor 3 or "", and the server's arguments.
set -u
bin=$1 dir=$2 own=$3 primary=$4 slot=$5 extension=$6
shift 6
log=$dir/log

# Only the end of the pipe ends this: whoever signals everybody ends the process that holds it, too. Nor does it end
# because nobody reads what it prints. SIGQUIT does not end a server before it has its handlers.
trap '' HUP INT QUIT TERM PIPE
umask 077
[ -z "$extension" ] || exec 4<&3
exec 3<&0 </dev/null
mkdir "$dir" || exit
trap 'rm -rf "$dir"' EXIT

fail() {
	tail -n 30 "$log" >&2
	exit 1
}

init() {
	"$bin/initdb" --pgdata="$dir/new" --username=postgres --auth=trust --encoding=UTF8 --locale="$1" --no-sync --wal-segsize=1 \
		>"$log" 2>&1 3<&-
}

# A new cluster is kept for the next server, since initdb takes longer than all else here: as one file, since there are a thousand in it,
# and copying each takes four times as long. Where the folder belongs to another user, or cannot be made, there is just none.
kept=/tmp/gapless-initdb-$(id -u)/$({ ls -lL "$bin/postgres" "$bin/initdb"; echo "${TZ-}, segments of 1 MB"; } | cksum | tr ' ' -).tar

# Programs look for extensions from where they are themselves, in Debian's folders or beside bin: so a copy of them has its own, and
# nobody else on this machine sees it.
if [ "$extension" ]; then
	case $bin in
	*/lib/postgresql/*/bin)
		top=${bin%/lib/postgresql/*/bin}
		share=share/${bin#"$top/lib/"}
		share=${share%/bin}
		;;
	*)
		top=${bin%/bin}
		share=share/postgresql
		[ -d "$top/$share" ] || share=share
		;;
	esac
	copy=$dir/programs/${bin#"$top/"}
	files=$dir/programs/$share/extension
	share=$top/$share
	{
		mkdir -p "$copy" "${files%/*}" &&
			cp -pL "$bin"/* "$copy" &&
			ln -s "$bin/../lib" "$copy/../lib" &&
			for file in "$share"/*; do [ "$file" = "$share/extension" ] || ln -s "$file" "${files%/*}" || exit; done &&
			mkdir "$files" && ln -s "$share"/extension/* "$files" && tar -xf - -C "$files" <&4
	} 2>"$log" 3<&- || { cat "$log" >&2; exit 1; }
	exec 4<&-
	bin=$copy
fi

make() {
	if [ -O "${kept%/*}" ] && [ -e "$kept" ] && tar -xf "$kept" -C "$dir" 2>/dev/null 3<&-; then
		return
	fi
	rm -rf "$dir/data" "$dir/new"
	init C.UTF-8 || init C || fail # macOS before 15 has no C.UTF-8
	mv "$dir/new" "$dir/data"
	# Whole or not at all: it is written beside its place, and moved there.
	{ mkdir -p "${kept%/*}" && [ -O "${kept%/*}" ] && tar -cf "$kept.$$" -C "$dir" data && mv "$kept.$$" "$kept"; } 2>/dev/null 3<&-
	rm -f "$kept.$$"
}
if [ "$primary" ]; then
	"$bin/pg_basebackup" --pgdata="$dir/data" --dbname="$primary" --write-recovery-conf --wal-method=stream \
		--checkpoint=fast --create-slot --slot="$slot" --no-sync >"$log" 2>&1 3<&- || fail
else
	make
fi

start() {
	"$bin/postgres" -D "$dir/data" "$@" >>"$log" 2>&1 3<&- &
	server=$!
}

# SIGQUIT is PostgreSQL's immediate shutdown. It is repeated, since one that comes before the server has its handlers is
# lost.
quit() {
	while kill -QUIT "$server"; do
		kill -CONT "$server" # whoever died may have stopped it, to kill it next
		sleep 0.1
	done
}

# reap waits for the server while the process in the background watches or ends it, and ends that.
reap() {
	wait "$server"
	kill -KILL "$watcher"
	wait "$watcher"
} 2>/dev/null

if [ -z "$own" ]; then
	start "$@"
	{
		read -r _ <&3
		: >"$dir/stopped"
		quit
	} >/dev/null 2>&1 &
	watcher=$!
	reap
	[ -e "$dir/stopped" ] || fail # it ended by itself
	exit 0
fi

server=
while read -r command <&3; do
	case $command in
	start)
		start "$@"
		echo "$server"
		;;
	gone)
		wait "$server"
		server=
		;;
	esac
done 2>/dev/null

end() {
	quit >/dev/null 2>&1 &
	watcher=$!
	reap
}
[ -z "$server" ] || end
# What a killed server leaves outside of the folder, shared memory, is cleaned up by the next one.
if [ -e "$dir/data/postmaster.pid" ]; then
	start "$@"
	end
fi
exit 0
