//! Waiting for programs that run at this moment.
#![expect(unsafe_code, reason = "a system call without a wrapper")]

/// `MEMBARRIER_CMD_GLOBAL` of `linux/membarrier.h`.
const GLOBAL: libc::c_int = 1;

/// Returns when every program that is running now has ended: a grace period of RCU, a few milliseconds.
///
/// What a setting made needless can be taken away after that: a frame that met the old one is gone. A
/// kernel with CPUs that have no tick (`nohz_full`) refuses, and such a frame may then be dropped.
pub fn wait_for_programs() {
    // SAFETY: the system call takes three numbers, and no memory.
    let outcome = unsafe { libc::syscall(libc::SYS_membarrier, GLOBAL, 0, 0) };
    if outcome != 0 {
        let error = std::io::Error::last_os_error();
        tracing::debug!("wait for the programs: {error}");
    }
}
