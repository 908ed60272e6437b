"""Which system calls are allowed. What is not listed fails with EPERM.

Left out on purpose, although engines commonly allow them: io_uring (a second way to every call, past this filter),
ptrace and process_vm_* (a look into the agent), sockets of other families than local and internet ones (vsock reaches
the hypervisor, packet and netlink the network's inside), namespaces, keyrings, bpf, perf, userfaultfd, clocks, modules.
"""

from __future__ import annotations

SOCKET_FAMILIES = (1, 2, 10)
"""AF_UNIX, AF_INET, AF_INET6."""

NAMESPACE_FLAGS = 0x7E020080
"""CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""

PERSONALITIES = (0, 0xFFFFFFFF)
"""The plain one, and the question which it is."""

EPERM, ENOSYS = 1, 38

_ALLOWED = """
read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek sendfile splice tee copy_file_range
open openat openat2 creat close close_range dup dup2 dup3 fcntl flock fsync fdatasync sync syncfs sync_file_range
stat fstat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents getdents64 statfs fstatfs
mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat mknod mknodat truncate
ftruncate fallocate fadvise64 readahead chmod fchmod fchmodat chown fchown lchown fchownat umask chdir fchdir getcwd
utime utimes utimensat futimesat getxattr lgetxattr fgetxattr setxattr lsetxattr fsetxattr listxattr llistxattr
flistxattr removexattr lremovexattr fremovexattr inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
mmap munmap mprotect mremap madvise mincore msync mlock mlock2 munlock mlockall munlockall brk memfd_create membarrier
pkey_alloc pkey_free pkey_mprotect rseq shmget shmat shmdt shmctl semget semop semctl semtimedop
msgget msgsnd msgrcv msgctl mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2
signalfd signalfd4 timerfd_create timerfd_settime timerfd_gettime pipe pipe2 futex futex_waitv set_robust_list
get_robust_list set_tid_address
bind connect listen accept accept4 getsockname getpeername getsockopt setsockopt socketpair shutdown sendto recvfrom
sendmsg recvmsg sendmmsg recvmmsg
fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill pidfd_open pidfd_send_signal pause
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend rt_tgsigqueueinfo
sigaltstack restart_syscall alarm getitimer setitimer timer_create timer_settime timer_gettime timer_getoverrun
timer_delete nanosleep clock_gettime clock_getres clock_nanosleep gettimeofday time times
getpid getppid gettid getuid geteuid getgid getegid getresuid getresgid getgroups getpgid getpgrp getsid setsid setpgid
setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capget capset prctl arch_prctl seccomp
getrlimit setrlimit prlimit64 getrusage getpriority setpriority ioprio_get ioprio_set sched_yield sched_getaffinity
sched_setaffinity sched_getparam sched_setparam sched_getscheduler sched_setscheduler sched_getattr sched_setattr
sched_get_priority_max sched_get_priority_min sched_rr_get_interval getcpu uname sysinfo getrandom ioctl
landlock_create_ruleset landlock_add_rule landlock_restrict_self
"""

ALLOWED = tuple(_ALLOWED.split())
