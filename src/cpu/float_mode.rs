//! The floating-point mode of a thread: how it rounds, and whether it keeps subnormal numbers.
//!
//! Rust assumes that every thread rounds to nearest and keeps subnormal numbers. A library in the same process can have
//! changed that (`-ffast-math` start-up code on x86; audio and game code everywhere). Therefore every computation sets the
//! standard mode on each thread, and restores the thread's mode afterwards.
//!
//! This is the only file with `unsafe`: only instructions can access the register. On other processors than these the mode
//! is not changed.

#![allow(unsafe_code, reason = "the register of the floating-point mode has no safe interface")]

/// MXCSR: every exception masked, rounding to nearest, neither flush-to-zero nor denormals-are-zero.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod register {
    use std::arch::asm;

    pub(super) const STANDARD: u64 = 0x1f80;
    /// All bits except the exception flags.
    pub(super) const CONTROL: u64 = 0xffc0;
    /// All bits that are not reserved: writing a reserved bit is a fault.
    #[cfg(any(test, feature = "python"))]
    pub(super) const DEFINED: u64 = 0xffff;

    pub(super) fn read() -> u64 {
        let mut value = 0u32;
        // SAFETY: SSE is part of every x86 target of this crate. The instruction stores 4 bytes at the address of `value`, a
        // local of that size, and changes no other memory and no flag.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut value, options(nostack, preserves_flags)) };
        value.into()
    }

    pub(super) fn write(value: u64) {
        let value = value as u32;
        // SAFETY: memory and registers: the instruction reads 4 bytes at the address of `value`, a local of that size, and
        // no reserved bit is set in it, which would be a fault: callers pass `STANDARD`, what `read` gave, or `DEFINED` bits.
        // The mode: `asm!` promises the compiler that MXCSR is on exit what it was on entry, but for its flags. To set
        // `STANDARD` breaks the letter of that promise and establishes what it stands for, since compiled code assumes the
        // standard mode; to give a thread its other mode back leaves it as it came, outside the rules before and after.
        // Nothing in the language keeps the compiler from moving arithmetic across the instruction. In practice it does not:
        // the block may touch memory, and what computes is behind a call that is not inlined (`in_standard_mode`). The tests
        // below, and those of the Python layer, compare bits under hostile modes.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const value, options(nostack)) };
    }
}

/// FPCR: no traps, rounding to nearest, no flush-to-zero, IEEE half precision, NaNs kept.
#[cfg(target_arch = "aarch64")]
mod register {
    use std::arch::asm;

    pub(super) const STANDARD: u64 = 0;
    pub(super) const CONTROL: u64 = u64::MAX;
    /// AHP, DN, FZ, RMode, FZ16 and the traps.
    #[cfg(any(test, feature = "python"))]
    pub(super) const DEFINED: u64 = 0x07c8_9f00;

    pub(super) fn read() -> u64 {
        let value;
        // SAFETY: every privilege can read the register, and nothing changes.
        unsafe { asm!("mrs {}, fpcr", out(reg) value, options(nostack, preserves_flags)) };
        value
    }

    pub(super) fn write(value: u64) {
        // SAFETY: every privilege can write the register, and no memory is touched. The mode: as on
        // x86 above, the language promises nothing about code that changes it; a call that is not inlined stands between it
        // and what computes, and tests compare bits.
        unsafe { asm!("msr fpcr, {}", in(reg) value, options(nostack)) };
    }
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
mod register {
    pub(super) const STANDARD: u64 = 0;
    pub(super) const CONTROL: u64 = 0;
    #[cfg(any(test, feature = "python"))]
    pub(super) const DEFINED: u64 = 0;

    pub(super) fn read() -> u64 {
        STANDARD
    }

    pub(super) fn write(_: u64) {}
}

/// Restores the thread's mode, also after a panic.
struct Restore(u64);

impl Drop for Restore {
    fn drop(&mut self) {
        register::write(self.0);
    }
}

/// Returns whether this thread rounds to nearest and keeps subnormal numbers.
pub(crate) fn is_standard() -> bool {
    register::read() & register::CONTROL == register::STANDARD
}

/// Sets this thread's mode (`None`: standard) and returns the old one. For the f64 arithmetic of the Python layer.
#[cfg(any(test, feature = "python"))]
pub(crate) fn replace(mode: Option<u64>) -> u64 {
    let before = register::read();
    register::write(mode.map_or(register::STANDARD, |mode| mode & register::DEFINED));
    before
}

/// Calls `compute` in the standard mode, on this thread.
pub(crate) fn in_standard_mode<R>(compute: impl FnOnce() -> R) -> R {
    // Not inlined: the compiler does not know of the mode, and must not move arithmetic out of the call.
    #[inline(never)]
    fn call<R>(compute: impl FnOnce() -> R) -> R {
        compute()
    }
    if is_standard() {
        return call(compute);
    }
    let _restore = Restore(register::read());
    register::write(register::STANDARD);
    call(compute)
}

/// Returns whether two modes are equal except for the exception flags.
#[cfg(test)]
pub(crate) fn are_equal(a: u64, b: u64) -> bool {
    (a ^ b) & register::CONTROL == 0
}

#[cfg(all(test, any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::*;

    #[test]
    fn a_panic_restores_the_mode() {
        let rounding_up = if cfg!(target_arch = "aarch64") { 1 << 22 } else { 0x5f80 };
        let before = replace(Some(rounding_up));
        let result = std::panic::catch_unwind(|| in_standard_mode(|| panic!("on purpose")));
        let after = replace(Some(before));
        assert!(result.is_err());
        assert!(are_equal(after, rounding_up));
    }
}
