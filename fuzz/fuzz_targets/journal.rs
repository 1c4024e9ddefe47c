#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    kup_fuzz::cases::journal(data);
});
