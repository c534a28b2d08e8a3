/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * killer [-w] N COMMAND...: runs a command and ends it by SIGKILL as it enters its N-th system call; with -w only those
 * count that may change files or tell other processes. Ends with 137 then. If the command ends before, its status is ours,
 * and on stderr stands how many calls there were ("calls 312").
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const long changing[] = {
	SYS_mkdirat, SYS_unlinkat, SYS_renameat2, SYS_fsync, SYS_fdatasync, SYS_ftruncate, SYS_write, SYS_pwrite64, SYS_writev, SYS_kill, SYS_flock,
	SYS_linkat, SYS_symlinkat, SYS_fchmod, SYS_fchmodat, SYS_utimensat, SYS_fchown, SYS_fchownat, SYS_sync_file_range,
#ifdef SYS_renameat
	SYS_renameat,
#endif
#ifdef SYS_rename
	SYS_mkdir, SYS_rmdir, SYS_unlink, SYS_rename, SYS_link, SYS_symlink, SYS_chmod, SYS_chown,
#endif
};

static bool only_changing;

static bool
counts(const struct __ptrace_syscall_info *i)
{
	if (i->op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	if (!only_changing)
		return true;
	for (size_t k = 0; k < sizeof(changing) / sizeof(changing[0]); k++)
		if ((long)i->entry.nr == changing[k])
			return true;
	if ((long)i->entry.nr == SYS_openat)
		return (i->entry.args[2] & O_CREAT) != 0;
#ifdef SYS_open
	if ((long)i->entry.nr == SYS_open)
		return (i->entry.args[1] & O_CREAT) != 0;
#endif
	return false;
}

static int
fail(const char *what)
{
	fprintf(stderr, "killer: %s: %s\n", what, strerror(errno));
	return 125;
}

static int
trace(pid_t child, long n)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
	struct __ptrace_syscall_info info;
	long calls = 0;
	int status;
	pid_t p;

	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status) || ptrace(PTRACE_SETOPTIONS, child, NULL, options) != 0)
		return fail("ptrace");
	ptrace(PTRACE_SYSCALL, child, NULL, NULL);
	while ((p = waitpid(-1, &status, __WALL)) > 0) {
		long deliver = 0;

		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (p != child)
				continue;
			fprintf(stderr, "calls %ld\n", calls);
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		}
		if (!WIFSTOPPED(status))
			continue;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			if (ptrace(PTRACE_GET_SYSCALL_INFO, p, sizeof(info), &info) > 0 && counts(&info) && ++calls == n) {
				kill(child, SIGKILL);
				while (waitpid(-1, &status, __WALL) > 0)
					;
				return 137;
			}
		} else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
			deliver = WSTOPSIG(status);
		}
		ptrace(PTRACE_SYSCALL, p, NULL, deliver);
	}
	return fail("waitpid");
}

int
main(int argc, char **argv)
{
	int at = 1;
	pid_t child;

	if (argc > 1 && strcmp(argv[1], "-w") == 0) {
		only_changing = true;
		at = 2;
	}
	if (argc < at + 2) {
		fprintf(stderr, "usage: killer [-w] N COMMAND...\n");
		return 125;
	}
	child = fork();
	if (child < 0)
		return fail("fork");
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(fail("ptrace"));
		raise(SIGSTOP);
		execvp(argv[at + 1], argv + at + 1);
		_exit(fail(argv[at + 1]));
	}
	return trace(child, atol(argv[at]));
}
