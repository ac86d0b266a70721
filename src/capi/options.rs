//! Option structs of any size: older programs pass smaller ones, newer programs larger ones.

use crate::error::{Domain, Error, Result};

/// A struct whose first field is its size.
///
/// # Safety
/// The type is `repr(C)`, begins with `struct_size: u32`, has no padding that matters, and is valid for every bit pattern that C
/// can put into its fields: integers, pointers, `Option` of function pointers.
pub unsafe trait SizedOptions: Copy {
    /// The size of the first released version: never changes.
    const FIRST_SIZE: usize;

    /// The defaults.
    fn defaults() -> Self;
}

/// Fills in the defaults: as many bytes as the caller's struct has; the rest of a larger one is zero.
///
/// # Safety
/// `options` is NULL or points to `size` writable bytes.
pub unsafe fn init<T: SizedOptions>(options: *mut T, size: usize, domain: Domain) -> Result<()> {
    if options.is_null() {
        return Err(Error::argument(domain, "options", "options is NULL"));
    }
    // SAFETY: as the caller promises.
    unsafe { fill(options, size, &T::defaults(), domain) }
}

/// Fills in a struct of the caller's that was initialised before: as much of it as it has room for.
///
/// # Safety
/// `out` points to as many writable bytes as its first field says.
pub unsafe fn write<T: SizedOptions>(out: *mut T, value: &T, domain: Domain) -> Result<()> {
    // SAFETY: the first field is there in every version; the rest as the caller promises.
    unsafe { fill(out, out.cast::<u32>().read_unaligned() as usize, value, domain) }
}

/// # Safety
/// `out` points to `size` writable bytes.
unsafe fn fill<T: SizedOptions>(out: *mut T, size: usize, value: &T, domain: Domain) -> Result<()> {
    let struct_size = checked_size::<T>(size, domain)?;
    // SAFETY: `out` has `size` writable bytes; the value has size_of::<T>() readable ones.
    unsafe {
        let bytes = out.cast::<u8>();
        bytes.write_bytes(0, size);
        let known = size.min(size_of::<T>());
        bytes.copy_from_nonoverlapping(std::ptr::from_ref(value).cast::<u8>(), known);
        bytes.cast::<u32>().write_unaligned(struct_size);
    }
    Ok(())
}

/// Reads options; NULL means the defaults. Fields that an older program does not have keep theirs.
///
/// # Safety
/// `options` is NULL or points to as many readable bytes as its first field says.
pub unsafe fn read<T: SizedOptions>(options: *const T, domain: Domain) -> Result<T> {
    // SAFETY: as the caller promises.
    let (known, complete) = unsafe { read_known(options, domain) }?;
    complete?;
    Ok(known)
}

/// As [`read`], but gives what is known also if there is more: for options that own something.
///
/// # Safety
/// As [`read`].
pub unsafe fn read_known<T: SizedOptions>(options: *const T, domain: Domain) -> Result<(T, Result<()>)> {
    let mut known = T::defaults();
    if options.is_null() {
        return Ok((known, Ok(())));
    }
    // SAFETY: the first field is there in every version.
    let size = unsafe { options.cast::<u32>().read_unaligned() } as usize;
    checked_size::<T>(size, domain)?;
    // SAFETY: `size` bytes are readable, as the caller promises; `known` has size_of::<T>() writable ones, and every bit
    // pattern is valid for it.
    let unknown = unsafe {
        let bytes = options.cast::<u8>();
        let shared = size.min(size_of::<T>());
        std::ptr::from_mut(&mut known).cast::<u8>().copy_from_nonoverlapping(bytes, shared);
        std::slice::from_raw_parts(bytes.add(shared), size - shared)
    };
    if unknown.iter().all(|byte| *byte == 0) {
        return Ok((known, Ok(())));
    }
    let error = Error::argument(domain, "struct_size", "the options have fields that this version does not know")
        .detail("struct_size", size)
        .hint("the program was built with a newer header than the library it runs with");
    Ok((known, Err(error)))
}

fn checked_size<T: SizedOptions>(size: usize, domain: Domain) -> Result<u32> {
    /// More than any version will ever have: a struct that was not initialised.
    const ABSURD: usize = 4096;
    match u32::try_from(size) {
        Ok(checked) if (T::FIRST_SIZE..=ABSURD).contains(&size) => Ok(checked),
        _ => Err(Error::argument(domain, "struct_size", format!("the struct has an impossible size of {size} bytes"))
            .detail("struct_size", size)
            .hint("call the matching function first: expmig_..._options_init, or expmig_issue_init")),
    }
}

/// Fails on bits that no flag has.
pub fn known_flags(flags: u32, known: u32, domain: Domain) -> Result<()> {
    known_bits("flags", flags, known, domain)
}

/// As [`known_flags`], for a field of another name.
pub fn known_bits(parameter: &'static str, bits: u32, known: u32, domain: Domain) -> Result<()> {
    if bits & !known == 0 {
        return Ok(());
    }
    Err(Error::argument(domain, parameter, format!("{parameter} has unknown bits 0x{:x}", bits & !known)))
}

#[cfg(test)]
mod tests {
    use super::{SizedOptions, init, read};
    use crate::error::{Domain, Status};

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Now {
        struct_size: u32,
        first: u32,
        later: i64,
    }

    unsafe impl SizedOptions for Now {
        const FIRST_SIZE: usize = 8;

        fn defaults() -> Now {
            Now { struct_size: 16, first: 1, later: 2 }
        }
    }

    #[repr(C)]
    struct Future {
        now: Now,
        unknown: u64,
    }

    #[test]
    fn older_programs_keep_working() {
        #[repr(C)]
        struct Old {
            struct_size: u32,
            first: u32,
        }
        let mut old = Old { struct_size: 0, first: 0 };
        unsafe { init((&raw mut old).cast::<Now>(), 8, Domain::Database) }.unwrap();
        assert_eq!((old.struct_size, old.first), (8, 1));
        old.first = 7;
        let seen = unsafe { read((&raw const old).cast::<Now>(), Domain::Database) }.unwrap();
        assert_eq!((seen.first, seen.later), (7, 2));
    }

    #[test]
    fn newer_programs_work_as_long_as_they_use_nothing_new() {
        let mut future = Future { now: Now::defaults(), unknown: 9 };
        unsafe { init((&raw mut future).cast::<Now>(), 24, Domain::Database) }.unwrap();
        assert_eq!((future.now.struct_size, future.unknown), (24, 0));
        assert!(unsafe { read((&raw const future).cast::<Now>(), Domain::Database) }.is_ok());
        future.unknown = 1;
        let error = unsafe { read((&raw const future).cast::<Now>(), Domain::Database) }.err().unwrap();
        assert_eq!(error.status(), Status::InvalidArgument);
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for size in [0, 4, 7, 5000, u32::MAX] {
            let options = Now { struct_size: size, first: 0, later: 0 };
            assert!(unsafe { read(&raw const options, Domain::Database) }.is_err(), "{size}");
        }
    }
}
