# Makes a throwaway cluster, runs its server, and takes all of it away again as soon as standard input ends. That is
# when the process that holds the other end of the pipe closes it, or is gone, for whatever reason.
#
# Arguments: the folder of PostgreSQL's programs, the folder to make, and the server's arguments.
set -u
bin=$1 dir=$2
shift 2
log=$dir/log

# Only the end of the pipe ends this: whoever signals everybody ends the process that holds it, too.
trap '' HUP INT TERM
umask 077
exec 3<&0 </dev/null
mkdir "$dir" || exit
trap 'rm -rf "$dir"' EXIT

fail() {
	tail -n 30 "$log" >&2
	exit 1
}

init() {
	"$bin/initdb" --pgdata="$dir/data" --username=postgres --auth=trust --encoding=UTF8 --locale="$1" --no-sync \
		>"$log" 2>&1 3<&-
}
init C.UTF-8 || init C || fail # macOS before 15 has no C.UTF-8

"$bin/postgres" -D "$dir/data" "$@" >>"$log" 2>&1 3<&- &
server=$!

# The signal is repeated, since a shell starts background processes with SIGQUIT ignored: one that comes before
# the server has its handlers would be lost. SIGQUIT is PostgreSQL's immediate shutdown.
{
	read -r _ <&3
	: >"$dir/stopped"
	while kill -QUIT "$server"; do sleep 0.1; done
} >/dev/null 2>&1 &
watcher=$!

wait "$server"
kill -KILL "$watcher"
wait "$watcher" 2>/dev/null
[ -e "$dir/stopped" ] || fail # it ended by itself
